"""Draws how far long work is, on a terminal only."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Notice = Callable[[str], None]  # told what is begun


@contextmanager
def bar(what: str, total: int) -> Iterator[Notice]:
    """A bar on stderr that goes on with each notice and shows its text; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    said = TextColumn("{task.description}")
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), said)
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bars:
        task = bars.add_task("", total=total)

        def notice(text: str) -> None:
            bars.update(task, description=text, advance=1)

        yield notice
