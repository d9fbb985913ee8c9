"""Defines `qdsl why`: which rules matched a path, and which won."""

from argparse import ArgumentParser, Namespace

from qdsl.cli.command import Command


def configure(parser: ArgumentParser) -> None:
    help = "file.qspec#variant or REV:file.qspec#variant"
    parser.add_argument("spec", metavar="SPEC", help=help)
    help = "path of a weight, layer, block or value: encoder.blocks[3].ff1.up.weight"
    parser.add_argument("path", metavar="PATH", help=help)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print")


def run(arguments: Namespace) -> int:
    from qdsl.cli.output import report
    from qdsl.cli.selection import open_variant
    from qdsl.why import why

    spec, variant = open_variant(arguments.spec)
    report(spec.diagnostics)
    found = why(variant, arguments.path)
    if arguments.format == "json":
        import json

        print(json.dumps(found.to_json(), indent=1))
    else:
        from qdsl.cli.why_text import why_text

        print(why_text(found))
    return 0


COMMAND = Command(
    "show which policy rules matched a path, and which won",
    configure,
    run,
    description=(
        "Prints what stands at the path and where it was made, each property that it has, every "
        "rule that gave the property a value in the order of the policy, and the winner: the last "
        "one. Of a layer also its weights, of a block or a `repeat` all weights below it with the "
        "rule of each."
    ),
    examples=(
        ("qdsl why model.qspec#small 'encoder.blocks[3].ff1.up.weight'", "a weight"),
        ("qdsl why model.qspec#small encoder.lstm", "a layer with all its properties"),
        ("qdsl why model.qspec#small encoder.blocks", "all that lies below"),
    ),
    see=("size", "diff"),
)
