"""Writes docs/reference, a page for each catalog: `python -m qdsl.cli.reference docs/reference`."""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

import qdsl.cli.catalog
from qdsl.cli.entry import Catalog, Entry, markdown_table, page
from qdsl.registry import collect

CODE = frozenset(("name", "unit", "signature", "written", "module"))
"""Headings of columns that hold text of a spec."""

NOTE = """\
<!-- Written by `python -m qdsl.cli.reference docs/reference`. -->

`qdsl list {name}` prints the table{explain}."""


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
    explain = ", `qdsl explain NAME` what is known of one" if catalog.names() else ""
    return (
        page(
            f"# {catalog.title[:1].upper()}{catalog.title[1:]}",
            NOTE.format(name=name, explain=explain),
            catalog.intro(),
            markdown_table(catalog.headings, (_row(catalog, e) for e in entries)),
            *(_section(e) for e in entries if catalog.sections),
        )
        + "\n"
    )


def _row(catalog: Catalog, entry: Entry) -> tuple[str, ...]:
    """The cells of an entry, the first a link to where the entry is explained."""
    first, *others = (
        f"`{cell}`" if heading in CODE and cell else cell
        for heading, cell in zip(catalog.headings, entry.cells, strict=True)
    )
    name = entry.cells[0]
    if catalog.link:
        first = f"[{first}]({catalog.link(name)})"
    elif catalog.sections:
        first = f"[{first}](#{name.lower()})"
    return first, *others


def _section(entry: Entry) -> str:
    """The page of an entry, its headings one level lower; a text of code has none."""
    parts = re.split(r"(^```.*?^```$)", entry.page, flags=re.MULTILINE | re.DOTALL)
    parts[::2] = (re.sub("^#", "##", part, flags=re.MULTILINE) for part in parts[::2])
    return "".join(parts)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
