"""Shows tables and pages: drawn with rich on a terminal, else as plain text."""

import sys
from collections.abc import Collection, Sequence

from qdsl.cli.output import use_color

Row = Sequence[str]

_WIDEST = 1000  # characters that a table of numbers may take


def print_table(
    title: str, headings: Row, rows: Sequence[Row], right: Collection[int] = ()
) -> None:
    """A table on stdout; plain text has one line for each row, which is never cut.

    Columns in `right` are aligned so.
    """
    if use_color(sys.stdout):
        _draw_table(title, headings, rows, right)
        return
    from qdsl.size.table import table

    print("\n".join(table([headings, *rows], right=right)))


def print_page(markdown: str) -> None:
    """A page of Markdown on stdout; as it is written where nobody draws it."""
    if not use_color(sys.stdout):
        print(markdown)
        return
    from rich.console import Console
    from rich.markdown import Markdown

    Console(file=sys.stdout).print(Markdown(markdown))


def _draw_table(title: str, headings: Row, rows: Sequence[Row], right: Collection[int]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
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
    console = Console(file=sys.stdout)
    if right:
        # numbers are not cut, and what they are of can be folded by the terminal itself
        wide = console.options.update(max_width=_WIDEST)
        console.width = max(console.width, console.measure(drawn, options=wide).maximum)
    console.print(drawn)
