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


def _intro() -> str:
    return page(
        "The table is closed. Shapes are written with the axes that matter; `..` are any others, "
        "which stay. To broadcast is what PyTorch does: axes are aligned from the last, an axis of "
        "1 is repeated.",
        "A number or a dim beside a tensor takes the tensor's dtype: `sum(x, 1) / T`, `T - 1 - "
        "range(T)`. f32 and i64 tensors are never mixed without `cast`. Between two numbers the "
        "operators compute a number, while the spec is compiled. `x |> f(a)` is `f(x, a)`.",
    )


FUNCTIONS = Catalog(
    "functions of tensors",
    ("name", "signature", "dtype", "shape", "doc"),
    _names,
    _entry,
    intro=_intro,
    sections=False,
)
