"""Defines what a file of `catalog` holds: the words of one kind, in a line and in a page each."""

import re
from collections.abc import Callable, Iterable
from inspect import cleandoc

from qdsl.record import record


@record
class Entry:
    """A word: its cells below the headings (the word itself first), and its page, Markdown."""

    cells: tuple[str, ...]
    page: str


@record
class Catalog:
    """A kind of things. `names` are cheap to know; `entry` may read what it is about.

    For docs/reference: `intro` is what stands above the table, `sections` says whether the pages
    stand below it, `link` where they are else (a path from docs/reference), if anywhere.
    """

    title: str
    headings: tuple[str, ...]
    names: Callable[[], Iterable[str]]
    entry: Callable[[str], Entry]
    intro: Callable[[], str] = lambda: ""
    sections: bool = True
    link: Callable[[str], str] | None = None

    def entries(self) -> tuple[Entry, ...]:
        """Every entry, in the order of the names."""
        return tuple(map(self.entry, self.names()))


def first_sentence(text: str) -> str:
    """The first line of a docstring or comment, up to the end of its first sentence."""
    paragraph = " ".join(cleandoc(text).partition("\n\n")[0].split())
    # not behind `et al.`, which a year follows
    return re.split(r"(?<=\.) (?=[^\d(])", paragraph, maxsplit=1)[0]


def markdown_table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of Markdown, its last line without a line feed."""
    head = [*headings]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(c.replace('|', chr(92) + '|') for c in x)} |" for x in lines)


def page(*parts: str) -> str:
    """Paragraphs with a blank line between them; empty ones are left out."""
    return "\n\n".join(part for part in parts if part)
