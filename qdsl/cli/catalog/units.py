"""Lists the units of budgets."""

from qdsl.cli.entry import Catalog, Entry, page
from qdsl.size.limits import BYTES, COUNTS, UNITS


def _names() -> list[str]:
    return [*dict.fromkeys(unit for units in UNITS.values() for unit in units if unit)]


def _entry(name: str) -> Entry:
    measures = [f"{measure}" for measure, units in UNITS.items() if name in units]
    cells = (name, _value(name), ", ".join(measures))
    listed = ", ".join(f"`{measure}`" for measure in measures)
    return Entry(cells, page(f"# {name}", f"A unit of budgets: {cells[1]}.", f"Of {listed}."))


def _value(name: str) -> str:
    if name in BYTES:
        count = BYTES[name]
        return f"{count:,} byte{'s' * (count != 1)}"
    if name in COUNTS:
        return f"{COUNTS[name]:,}"
    return {"x": "times smaller than the baseline", "%": "percent of the baseline"}[name]


def _intro() -> str:
    return (
        "A unit stands apart from its number, but for `%`: `12 MiB`, `25%`. `bits` has none, and "
        "none is needed for `params`, `macs` and `ratio`. A trait of a target takes units of bytes."
    )


UNIT_WORDS = Catalog(
    "units of budgets", ("name", "value", "of"), _names, _entry, intro=_intro, sections=False
)
