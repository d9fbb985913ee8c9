"""Shows tables and pages: drawn with rich on a terminal, else as plain text."""

import sys
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from qdsl.cli.output import use_color

if TYPE_CHECKING:
    from rich.console import Console

Row = Sequence[str]

_WIDEST = 1000  # characters that a table of numbers may take
_NARROW = 60  # characters of a terminal that has no room for columns of text


def print_table(
    title: str, headings: Row, rows: Sequence[Row], right: Collection[int] = ()
) -> None:
    """A table on stdout; plain text has one line for each row, which is never cut.

    Columns in `right` are aligned so.
    """
    if use_color(sys.stdout):
        console = _console()
        if right or console.width >= _NARROW:
            _draw_table(console, title, headings, rows, right)
        else:
            _draw_list(console, headings, rows)
        return
    from qdsl.size.table import table

    print("\n".join(table([headings, *rows], right=right)))


def print_page(markdown: str) -> None:
    """A page of Markdown on stdout; as it is written where nobody draws it, or tables are cut."""
    if not use_color(sys.stdout) or (console := _console()).width < _NARROW:
        print(markdown)
        return
    from rich.markdown import Markdown

    console.print(Markdown(markdown))


def _console() -> "Console":
    from rich.console import Console

    return Console(file=sys.stdout)


def _draw_list(console: "Console", headings: Row, rows: Sequence[Row]) -> None:
    """Each row by itself, a line for each cell."""
    from rich.padding import Padding
    from rich.text import Text

    for first, *others in rows:
        console.print(Text(first, "bold"))
        for heading, cell in zip(headings[1:], others, strict=True):
            if cell:
                console.print(Padding(Text.assemble((f"{heading} ", "dim"), cell), (0, 0, 0, 2)))


def _draw_table(
    console: "Console", title: str, headings: Row, rows: Sequence[Row], right: Collection[int]
) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for i, heading in enumerate(headings):
        number = i in right
        drawn.add_column(
            heading,
            style="bold" if i == 0 else "",
            justify="right" if number else "left",
            no_wrap=number or i == 0,
            overflow="fold",
        )
    for row in rows:
        drawn.add_row(*map(Text, row))
    if right:
        # numbers are not cut, and what they are of can be folded by the terminal itself
        wide = console.options.update(max_width=_WIDEST)
        console.width = max(console.width, console.measure(drawn, options=wide).maximum)
    console.print(drawn)
