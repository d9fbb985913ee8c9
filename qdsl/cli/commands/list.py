"""Defines `qdsl list`: the words of the language and what there is for them."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

import qdsl.cli.catalog
from qdsl.cli.command import Command
from qdsl.registry import names

if TYPE_CHECKING:
    from qdsl.cli.entry import Catalog


def configure(parser: ArgumentParser) -> None:
    help = "what to list; without it, what there is"
    kinds = names(qdsl.cli.catalog)
    parser.add_argument("what", metavar="WHAT", nargs="?", choices=kinds, help=help)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print")


def run(arguments: Namespace) -> int:
    from qdsl.cli.terminal import print_table

    catalog = _catalog(arguments.what)
    rows = [entry.cells for entry in catalog.entries()]
    if arguments.format == "json":
        import json

        found = [dict(zip(catalog.headings, row, strict=True)) for row in rows]
        print(json.dumps(found, indent=1, ensure_ascii=False))
    else:
        print_table(catalog.title, catalog.headings, rows)
    return 0


def _catalog(what: str | None) -> "Catalog":
    """That of the kind, or one of all kinds."""
    from qdsl.cli.entry import Catalog, Entry
    from qdsl.registry import collect, member

    if what is not None:
        return member(qdsl.cli.catalog, what, Catalog)
    kinds = collect(qdsl.cli.catalog, Catalog)
    return Catalog(
        "what can be listed",
        ("what", "doc"),
        lambda: kinds,
        lambda name: Entry((name, kinds[name].title), ""),
    )


COMMAND = Command(
    "list what there is: layers, functions, formats, options, codes, the standard library",
    configure,
    run,
    description=(
        "Prints one line for each thing of a kind: what it is called, how it is written, what it "
        "does; without a kind, one line for each kind. `qdsl explain NAME` has a page of each. On "
        "a terminal a table is drawn; piped it is plain text, a line for each row."
    ),
    examples=(
        ("qdsl list", "the kinds of things there are"),
        ("qdsl list layers", "the layer kinds and their arguments"),
        ("qdsl list std | grep Conformer", "blocks of the standard library"),
        ("qdsl list codes --format json", "for a program"),
    ),
    statuses=(),
    see=("explain", "doctor"),
)
