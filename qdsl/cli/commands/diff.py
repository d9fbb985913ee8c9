"""Defines `qdsl diff`: what changes in bytes between two variants, and which line did it."""

from argparse import ArgumentParser, Namespace

from qdsl.cli.command import Command


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("old", help="file.qspec#variant or REV:file.qspec#variant")
    parser.add_argument("new", help="file.qspec#variant or REV:file.qspec#variant")
    parser.add_argument("--format", choices=("text", "json"), default="text")
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


COMMAND = Command("compare the bytes of two variants, with causes", configure, run)
