"""Defines `qdsl why`: which rules matched a path, and which won."""

from argparse import ArgumentParser, Namespace

from qdsl.cli.command import Command


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("spec", help="file.qspec#variant")
    parser.add_argument("path", help="path of a weight or a layer: encoder.blocks[3].ff1.up.weight")
    parser.add_argument("--format", choices=("text", "json"), default="text")


def run(arguments: Namespace) -> int:
    from qdsl.cli.output import report
    from qdsl.cli.selection import open_variant
    from qdsl.why import why, why_text

    spec, variant = open_variant(arguments.spec)
    report(spec.diagnostics)
    found = why(variant, arguments.path)
    if arguments.format == "json":
        import json

        print(json.dumps(found.to_json(), indent=1))
    else:
        print(why_text(found))
    return 0


COMMAND = Command("show which policy rules matched a path, and which won", configure, run)
