"""Differences: each with its cause and place, adding up, and the text of it."""

from dataclasses import replace
from fractions import Fraction

import pytest

from qdsl.ir.format import IntegerGrid, Levels, PerGroup, WeightFormat
from qdsl.ir.pattern import NM
from qdsl.size.budget import Comparison, Limit, Measure, judge
from qdsl.size.diff import HEADER, Cause, Place, diff, to_json
from qdsl.size.diff_text import GREEN, PLAIN, diff_text

INT8 = WeightFormat("int8", IntegerGrid(8, levels=Levels.NARROW))
INT4 = WeightFormat("int4", IntegerGrid(4), PerGroup(16))


@pytest.fixture(scope="module")
def with_blocks(report_of, place):
    """with_blocks(name, format, **shape) → a report whose blocks have that format."""

    def make(name, format, text="int4(group = 16)", **rest):
        rule = place(text)

        def choose(path):
            return (format, rule) if path.startswith("blocks") and path.endswith("weight") else None

        return report_of(name, choose, **rest)

    return make


def changes(found):
    """Path → cause, without the header."""
    return {row.path: row.cause for row in found.rows if row.path != HEADER}


BLOCK_WEIGHTS = {f"blocks[{i}].{n}.weight" for i in range(3) for n in ("up", "down")}


@pytest.mark.parametrize(
    ("format", "cause"),
    [
        (INT8, Cause.FORMAT),
        (replace(INT4, grouping=PerGroup(8)), Cause.GROUP),
        (replace(INT4, pattern=NM(2, 4)), Cause.SPARSITY),
        (replace(INT4, pattern=NM(2, 4), grouping=PerGroup(8)), Cause.FORMAT),
    ],
)
def test_the_cause_of_another_format(with_blocks, format, cause):
    found = diff(with_blocks("a", INT4), with_blocks("b", format))
    assert changes(found) == dict.fromkeys(BLOCK_WEIGHTS, cause)
    assert {row.place for row in found.rows if row.path != HEADER} == {
        Place("specs/small.qspec", 6, 30)
    }


def test_a_format_of_the_same_bytes_is_a_change_too(with_blocks):
    found = diff(
        with_blocks("a", INT4),
        with_blocks("b", replace(INT4, grid=IntegerGrid(4, levels=Levels.HALF))),
    )
    assert changes(found) == dict.fromkeys(BLOCK_WEIGHTS, Cause.FORMAT)
    assert {row.delta_bytes for row in found.rows if row.path != HEADER} == {0}
    assert found.changed


def test_a_rule_that_went_away_is_the_place(with_blocks, report_of):
    found = diff(with_blocks("a", INT4), report_of("b", lambda path: None))
    assert found.rows[0].place == Place("specs/small.qspec", 6, 30)


def test_width_is_shape_and_points_at_the_member(with_blocks):
    found = diff(with_blocks("a", INT4), with_blocks("b", INT4, width=32))
    assert changes(found)["blocks[0].up.weight"] is Cause.SHAPE
    row = next(r for r in found.rows if r.path == "blocks[0].up.weight")
    assert row.change == "32×16 → 64×32"
    assert row.place == Place("specs/small.qspec", 2, 14)


def test_depth_is_structure(with_blocks):
    found = diff(with_blocks("a", INT4), with_blocks("b", INT4, depth=4))
    assert changes(found) == {
        f"blocks[3].{name}": Cause.STRUCTURE
        for name in ("up.weight", "up.bias", "down.weight", "down.bias")
    }
    back = diff(with_blocks("b", INT4, depth=4), with_blocks("a", INT4))
    assert {row.change for row in back.rows if row.path != HEADER} == {"removed"}


def test_a_tie_is_a_tie(with_blocks):
    found = diff(with_blocks("a", INT4), with_blocks("b", INT4, tied=False))
    assert changes(found) == {"out.weight": Cause.TIE}
    row = next(r for r in found.rows if r.path == "out.weight")
    assert (row.from_bytes, row.to_bytes) == (0, 640)
    assert row.change == "tied to table.weight → its own"


@pytest.mark.parametrize("rest", [{}, {"depth": 1}, {"width": 48}, {"tied": False}])
def test_the_rows_add_up(with_blocks, rest):
    found = diff(with_blocks("a", INT4), with_blocks("b", INT8, **rest))
    assert sum(row.delta_bytes for row in found.rows) == found.delta_bytes
    sizes = [abs(row.delta_bytes) for row in found.rows]
    assert sizes == sorted(sizes, reverse=True)


def test_nothing_changes_between_equal_variants(with_blocks):
    found = diff(with_blocks("a", INT4), with_blocks("b", INT4))
    assert not found.changed
    total = found.after.total_bytes
    assert diff_text(found).startswith("a → b: no change, ")
    assert f"({total:,} B)" in diff_text(found)


def outcomes(report, bound):
    given = Limit(
        "size(blocks.**) <= 3 KiB",
        Measure.SIZE,
        Comparison.AT_MOST,
        Fraction(bound),
        covers=lambda path: path.startswith("blocks"),
    )
    return [judge(given, report)]


@pytest.fixture(scope="module")
def found(with_blocks):
    before, after = with_blocks("large", INT8), with_blocks("small", INT4)
    return diff(before, after, (outcomes(before, 3072), outcomes(after, 3072)))


def test_json_has_the_keys_that_are_promised(found):
    data = to_json(found)
    assert list(data) == ["from", "to", "from_bytes", "to_bytes", "delta_bytes", "rows", "budgets"]
    row = next(r for r in data["rows"] if r["path"] == "blocks[0].up.weight")
    assert row == {
        "path": "blocks[0].up.weight",
        "from_bytes": 640,
        "to_bytes": 384,
        "cause": "format",
        "change": "int8 → int4(group = 16)",
        "place": {"file": "specs/small.qspec", "line": 6, "column": 30},
    }
    assert data["delta_bytes"] == sum(r["to_bytes"] - r["from_bytes"] for r in data["rows"])
    (budget,) = data["budgets"]
    assert (budget["from"]["held"], budget["to"]["held"]) == (False, True)


def test_the_text(found):
    assert diff_text(found) == EXPECTED


def test_colour_is_green_for_what_shrinks(found):
    lines = diff_text(found, color=True).splitlines()
    assert lines[2].startswith(GREEN)
    assert lines[2].endswith(PLAIN)
    assert diff_text(found, color=True).replace(GREEN, "").replace(PLAIN, "").startswith("large")


EXPECTED = """\
large → small: -1.25 KiB (-1,280 B), 27.41 KiB → 26.16 KiB (28,072 → 26,792 B)

-768    1.88 KiB  →  1.13 KiB  blocks[0..3].up.weight    ×3  format     int8 → int4(group = 16)  specs/small.qspec:6:30
-576    1.69 KiB  →  1.13 KiB  blocks[0..3].down.weight  ×3  format     int8 → int4(group = 16)  specs/small.qspec:6:30
 +64    7.06 KiB  →  7.13 KiB  (header)                      structure

size(blocks.**) <= 3 KiB  4.13 KiB (4,224 B) missed  →  2.81 KiB (2,880 B) held
"""  # noqa: E501
