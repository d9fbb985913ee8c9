"""Writes docs/cli.md: `python -m qdsl.cli.manual > docs/cli.md`."""

import sys
from collections.abc import Iterable

import qdsl.cli.commands
from qdsl.cli.command import Command
from qdsl.cli.page import Page, page
from qdsl.cli.parser import make_parser
from qdsl.registry import collect

HEAD = """# The command line

Written by `python -m qdsl.cli.manual`; `qdsl COMMAND --help` prints the same.

Data goes to stdout, diagnostics to stderr. Every command exits with 0 where nothing is wrong, with
1 where it found something, with 2 where the command line is wrong or a file cannot be read, and
with 101 where this program itself is wrong. Colours and frames appear on a terminal only, and never
with `NO_COLOR`.

`file.qspec#variant` names one variant of a file, `file.qspec` all of them (or, where it has none,
each model with its defaults); `REV:file.qspec#variant` reads the file and what it imports as they
were at that git revision.
"""


def pages() -> tuple[Page, ...]:
    """The page of every command, by name."""
    commands = collect(qdsl.cli.commands, Command)
    return tuple(page(name, c, make_parser(name, c)) for name, c in commands.items())


def manual() -> str:
    """The text of docs/cli.md."""
    found = pages()
    table = [f"| [`{p.name}`](#{p.name}) | {p.help} |" for p in found]
    head = "\n".join((HEAD, "| command | |", "|---|---|", *table))
    return "\n\n".join((head, *map(_section, found))) + "\n"


def _section(page: Page) -> str:
    parts = [
        f"## {page.name}",
        f"{page.help[:1].upper()}{page.help[1:]}.",
        f"```console\n$ {page.usage}\n```",
        page.description,
        _table("argument", ((f"`{w.shown}`", w.help) for w in page.arguments)),
        _table("option", ((f"`{w.shown}`", w.help) for w in page.options)),
        _table("example", ((f"`{line}`", text) for line, text in page.examples)),
        _table("exit status", ((str(n), text) for n, text in page.statuses)),
        f"See also {', '.join(f'[`{n}`](#{n})' for n in page.see)}." if page.see else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _table(head: str, rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"| {_cell(left)} | {_cell(right)} |" for left, right in rows]
    return "\n".join((f"| {head} | |", "|---|---|", *lines)) if lines else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(manual())
