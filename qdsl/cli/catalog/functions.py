"""Lists operators and functions of tensors."""

from qdsl.cli.entry import Catalog, Entry, markdown_table, page
from qdsl.sema.functions.function import Entry as Row
from qdsl.sema.functions.reference import functions


def _names() -> list[str]:
    return [row.name for row in functions()]


def _entry(name: str) -> Entry:
    row = next(row for row in functions() if row.name == name)
    return Entry((row.name, row.signature, row.dtype, row.shape, row.doc), _page(row))


def _page(row: Row) -> str:
    rules = markdown_table(("dtype", "shape"), [(row.dtype, row.shape)])
    return page(f"# {row.name}", "A function of tensors.", f"`{row.signature}`", row.doc, rules)


FUNCTIONS = Catalog(
    "functions of tensors", ("name", "signature", "dtype", "shape", "doc"), _names, _entry
)
