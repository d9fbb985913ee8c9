"""Lists number formats and sparsity patterns, with their options and defaults."""

from functools import cache

import qdsl.formats
import qdsl.sparsity
from qdsl.cli.entry import Catalog, Entry, markdown_table, page
from qdsl.formats._options import OptionText, option_texts
from qdsl.ir.family import Family, SparsityFamily
from qdsl.ir.format import IntegerGrid
from qdsl.registry import collect

_ANY = (
    "One of several formats: `weights = any(int4(group = 64), int8)`. `qdsl fit` chooses for each "
    "weight, so that the budget holds."
)


@cache
def _families() -> dict[str, Family]:
    return dict(sorted(collect(qdsl.formats, Family).items(), key=_order))


@cache
def _words() -> dict[str, Entry]:
    """What stands round formats or behind them."""
    pattern = collect(qdsl.sparsity, SparsityFamily)["nm"]
    sparse = page("# sparse", "A sparsity pattern.", pattern.doc, _source(pattern.source))
    return {
        "sparse": Entry(("sparse", "N:M behind a format", pattern.doc), sparse),
        "any": Entry(("any", "formats", _ANY), page("# any", "A set of formats.", _ANY)),
    }


def _names() -> tuple[str, ...]:
    return (*_families(), *_words())


def _order(item: tuple[str, Family]) -> tuple[str, int]:
    """Kinds together, the widest first."""
    name = item[0]
    digits = "".join(c for c in name if c.isdigit())
    return name.rstrip("0123456789"), -int(digits or 0)


def _entry(name: str) -> Entry:
    if word := _words().get(name):
        return word
    family = _families()[name]
    options = option_texts(family)
    return Entry((name, ", ".join(map(_short, options)), family.doc), _page(family, options))


def _short(option: OptionText) -> str:
    if option.values == "a flag":
        return option.name
    return f"{option.name} = {option.default or '…'}"


def _page(family: Family, options: tuple[OptionText, ...]) -> str:
    rows = ((f"`{o.name}`", o.values, o.default, o.doc) for o in options)
    table = markdown_table(("option", "values", "default", "meaning"), rows) if options else ""
    return page(
        f"# {family.name}",
        "A number format.",
        family.doc,
        table,
        _of_values(family),
        _source(family.source),
    )


def _of_values(family: Family) -> str:
    """How activations and other values are rounded to it."""
    if not isinstance(family.grid, IntegerGrid):
        return ""
    dynamic = "`int8(dynamic, per = token)` or " if family.name == "int8" else ""
    return f"Activations and other values: {dynamic}`{family.name}(static)`."


def _source(text: str) -> str:
    return f"Source: {text}." if text else ""


FORMATS = Catalog("number formats", ("name", "options", "doc"), _names, _entry)
