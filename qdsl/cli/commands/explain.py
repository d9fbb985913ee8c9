"""Defines `qdsl explain`: the page of a word of the language, or of a diagnostic code."""

import re
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from qdsl.cli.command import Command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qdsl.cli.entry import Catalog

_CODE = re.compile(r"[qQ]\d+\w*")


def configure(parser: ArgumentParser) -> None:
    help = "a diagnostic code, a keyword, a layer kind, a function, a format, an option of one, …"
    parser.add_argument("word", metavar="WORD", help=help)


def run(arguments: Namespace) -> int:
    from qdsl.cli.terminal import print_page

    word: str = arguments.word
    # a code is not worth looking at everything else
    catalogs = _catalogs("codes") if _CODE.fullmatch(word) else _catalogs()
    pages = [c.entry(word).page for c in catalogs.values() if word in set(c.names())]
    pages = pages or [c.entry(n).page for c in catalogs.values() for n in _alike(c, word)]
    if not pages:
        return _unknown(word, catalogs)
    print_page("\n\n".join(pages))
    return 0


def _catalogs(*only: str) -> "Mapping[str, Catalog]":
    import qdsl.cli.catalog
    from qdsl.cli.entry import Catalog
    from qdsl.registry import member, names

    wanted = only or names(qdsl.cli.catalog)
    return {name: member(qdsl.cli.catalog, name, Catalog) for name in wanted}


def _alike(catalog: "Catalog", word: str) -> list[str]:
    """The word in other letters, upper for lower."""
    return [n for n in catalog.names() if n.lower() == word.lower()]


def _unknown(word: str, catalogs: "Mapping[str, Catalog]") -> int:
    from qdsl.cli.parser import fail
    from qdsl.diagnostic.suggest import suggestion

    known = [name for catalog in catalogs.values() for name in catalog.names()]
    if list(catalogs) == ["codes"]:
        return fail(f"no code `{word}`", suggestion(word.upper(), known) or "see `qdsl list codes`")
    kinds = ", ".join(f"`{kind}`" for kind in catalogs)
    help = suggestion(word, known) or f"`qdsl list KIND` has the words of each kind: {kinds}"
    return fail(f"no page `{word}`", help)


COMMAND = Command(
    "print the page of a word of the language or of a diagnostic code",
    configure,
    run,
    description=(
        "Prints what a diagnostic code means, why it is one and what to write instead; or what a "
        "keyword, a layer kind, a function of tensors, a number format or an option of one, a "
        "block of the standard library, a property, a unit or a task is. Drawn on a terminal, "
        "Markdown where it is piped."
    ),
    examples=(
        ("qdsl explain Q304", "a diagnostic code"),
        ("qdsl explain policy", "a word of the language"),
        ("qdsl explain Linear", "a layer kind"),
        ("qdsl explain ConformerBlock", "a block of the standard library"),
    ),
    statuses=(),
    see=("list", "check"),
)
