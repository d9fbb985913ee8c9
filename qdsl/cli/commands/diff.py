"""Defines `qdsl diff`: what changes in bytes between two variants, and which line did it."""

from argparse import ArgumentParser, Namespace

from qdsl.cli.command import Command


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("old", metavar="OLD", help="file.qspec#variant or REV:file.qspec#variant")
    parser.add_argument("new", metavar="NEW", help="the same")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print")
    parser.add_argument("--gate", action="store_true", help="exit 1 when a budget is broken")
    parser.add_argument("--exit-code", action="store_true", help="exit 1 on any change")


def run(arguments: Namespace) -> int:
    import sys

    from qdsl.cli.output import report, use_color
    from qdsl.cli.selection import open_variant
    from qdsl.size.diff import to_json
    from qdsl.size.diff_text import diff_text

    old_spec, old = open_variant(arguments.old)
    new_spec, new = open_variant(arguments.new)
    report(dict.fromkeys((*old_spec.diagnostics, *new_spec.diagnostics)))
    change = old.diff(new)
    if arguments.format == "json":
        import json

        print(json.dumps(to_json(change), indent=1))
    else:
        print(diff_text(change, color=use_color(sys.stdout)), end="")
    if arguments.gate and report(d for j in new.budgets() for d in j.diagnostics):
        return 1
    return int(arguments.exit_code and change.changed)


COMMAND = Command(
    "compare the bytes of two variants, with causes",
    configure,
    run,
    description=(
        "Prints the difference in bytes, the largest first, and for each storage that changed the "
        "cause (format, group, sparsity, shape, tie or structure) with the file and line that did "
        "it. A revision is one of git; its imports are read at the same revision."
    ),
    examples=(
        ("qdsl diff model.qspec#large model.qspec#small", "two variants of a file"),
        ("qdsl diff HEAD:model.qspec#small model.qspec#small", "what an edit changed"),
        ("qdsl diff --gate main:model.qspec#small model.qspec#small", "fail over budget, for CI"),
    ),
    statuses=((1, "errors were found, a gate is closed, or `--exit-code` saw a change"),),
    see=("size", "why"),
)
