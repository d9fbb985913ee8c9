"""Defines `qdsl list`: the words of the language and what there is for them."""

from argparse import ArgumentParser, Namespace

import qdsl.cli.catalog
from qdsl.cli.command import Command
from qdsl.registry import names


def configure(parser: ArgumentParser) -> None:
    help = "what to list"
    parser.add_argument("what", metavar="WHAT", choices=names(qdsl.cli.catalog), help=help)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print")


def run(arguments: Namespace) -> int:
    from qdsl.cli.entry import Catalog
    from qdsl.cli.terminal import print_table
    from qdsl.registry import member

    catalog = member(qdsl.cli.catalog, arguments.what, Catalog)
    rows = [entry.cells for entry in catalog.entries()]
    if arguments.format == "json":
        import json

        found = [dict(zip(catalog.headings, row, strict=True)) for row in rows]
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        print_table(catalog.title, catalog.headings, rows)
    return 0


COMMAND = Command(
    "list layers, functions, formats, codes and the standard library",
    configure,
    run,
    description=(
        "Prints one line for each thing of a kind: what it is called, how it is written, what it "
        "does. `qdsl explain NAME` has a page of each. On a terminal a table is drawn; piped it "
        "is plain text, a line for each row."
    ),
    examples=(
        ("qdsl list layers", "the layer kinds and their arguments"),
        ("qdsl list std | grep Conformer", "blocks of the standard library"),
        ("qdsl list codes --format json", "for a program"),
    ),
    statuses=(),
    see=("explain", "doctor"),
)
