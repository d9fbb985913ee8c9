"""Writes docs/reference, a page for each catalog: `python -m qdsl.cli.reference docs/reference`."""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import qdsl.cli.catalog
from qdsl.cli.entry import Catalog, Entry, markdown_table, page
from qdsl.registry import collect

Row = Sequence[str]

LONG = frozenset(("signature", "written"))
CODE = LONG | {"name", "module"}
"""Headings of columns that hold text of a spec, those of `LONG` of more than a word."""

NOTE = """\
<!-- Written by `python -m qdsl.cli.reference docs/reference`. -->

`qdsl list {name}` prints the table, `qdsl explain WORD` what is known of one."""


def pages() -> Mapping[str, str]:
    """The text of each page by the name of its file."""
    return {f"{n}.md": _page(n, c) for n, c in collect(qdsl.cli.catalog, Catalog).items()}


def write(folder: Path) -> None:
    """Writes every page, and removes those of catalogs that are no more."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in {path.name for path in folder.glob("*.md")} - pages().keys():
        (folder / stale).unlink()
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


def _page(name: str, catalog: Catalog) -> str:
    entries = catalog.entries()
    return (
        page(
            f"# {catalog.title[:1].upper()}{catalog.title[1:]}",
            NOTE.format(name=name),
            catalog.intro(),
            markdown_table(*_table(catalog, entries)),
            *(_section(e) for e in entries if catalog.sections),
        )
        + "\n"
    )


def _table(catalog: Catalog, entries: Iterable[Entry]) -> tuple[Row, list[Row]]:
    """Headings and rows; how a thing is written stands in its section, where it has one."""
    hidden = LONG if catalog.sections else frozenset()
    shown = [i for i, heading in enumerate(catalog.headings) if heading not in hidden]
    rows = (_row(catalog, entry) for entry in entries)
    return [catalog.headings[i] for i in shown], [[row[i] for i in shown] for row in rows]


def _row(catalog: Catalog, entry: Entry) -> Row:
    """The cells of an entry, the first a link to where the entry is explained."""
    name = entry.cells[0]
    first, *others = (
        f"`{cell}`" if heading in CODE and cell else cell
        for heading, cell in zip(catalog.headings, entry.cells, strict=True)
    )
    if catalog.link:
        first = f"[{first}]({catalog.link(name)})"
    elif catalog.sections:
        first = f"[{first}](#{name.lower()})"
    return [first, *others]


def _section(entry: Entry) -> str:
    """The page of an entry, its headings one level lower; a text of code has none."""
    parts = re.split(r"(^```.*?^```$)", entry.page, flags=re.MULTILINE | re.DOTALL)
    parts[::2] = (re.sub("^#", "##", part, flags=re.MULTILINE) for part in parts[::2])
    return "".join(parts)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
