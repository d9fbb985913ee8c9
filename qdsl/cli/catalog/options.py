"""Lists what may stand in the brackets of formats."""

from collections import Counter
from functools import cache
from string import digits

import qdsl.formats
from qdsl.cli.entry import Catalog, Entry, page
from qdsl.formats._options import OPTIONS, OptionText
from qdsl.ir.family import Family
from qdsl.ir.format import FloatGrid
from qdsl.registry import collect


def _names() -> list[str]:
    return [option.name for option in OPTIONS]


def _entry(name: str) -> Entry:
    option = next(option for option in OPTIONS if option.name == name)
    takers = _takers(name)
    cells = (name, option.values, option.default, ", ".join(takers), option.doc)
    return Entry(cells, _page(option, takers))


def _page(option: OptionText, takers: list[str]) -> str:
    default = f"; {option.default} where it is not written" if option.default else ""
    return page(
        f"# {option.name}",
        "An option of formats.",
        option.doc,
        f"It is a flag{default}." if _is_flag(option) else f"Values: {option.values}{default}.",
        f"Written: `{_example(option)}`.",
        f"Of {', '.join(f'`{kind}`' for kind in takers)}.",
    )


def _is_flag(option: OptionText) -> bool:
    return option.values == "a flag"


def _example(option: OptionText) -> str:
    """A format that takes it, `int8` if that does, with the option as it is written."""
    taking = [f.name for f in _families() if option.name in f.options | f.flags]
    first = "int8" if "int8" in taking else taking[0]
    return f"{first}({option.name})" if _is_flag(option) else f"{first}({option.name} = …)"


@cache
def _families() -> tuple[Family, ...]:
    return tuple(collect(qdsl.formats, Family).values())


def _takers(option: str) -> list[str]:
    """The kinds of formats that take the option, `int` and the like for all of their widths."""
    stems = Counter(f.name.rstrip(digits) for f in _families())
    taken = [f for f in _families() if option in f.options | f.flags]
    return sorted({f.name if _is_alone(f, stems) else f.name.rstrip(digits) for f in taken})


def _is_alone(family: Family, stems: Counter[str]) -> bool:
    return isinstance(family.grid, FloatGrid) or stems[family.name.rstrip(digits)] == 1


def _intro() -> str:
    return (
        "What may stand in the brackets of a [format](formats.md): `int4(group = 64, asymmetric)`. "
        "`int` stands for `int2` to `int8`, other kinds alike."
    )


OPTION_WORDS = Catalog(
    "options of formats",
    ("name", "values", "default", "of", "doc"),
    _names,
    _entry,
    intro=_intro,
    sections=False,
)
"""See `qdsl.formats._options`, where an option is added."""
