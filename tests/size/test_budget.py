"""Limits: what they measure, when they hold, by how much they are missed, and who weighs most."""

from fractions import Fraction

import pytest

from qdsl.ir.format import FloatType, IntegerGrid, PerGroup, WeightFormat
from qdsl.size.budget import Comparison, Limit, Measure, judge, outcome_text, to_json

INT4 = WeightFormat("int4", IntegerGrid(4), PerGroup(16))


@pytest.fixture(scope="module")
def report(report_of, place):
    rule = place("int4(group = 16)")

    def choose(path):
        return (INT4, rule) if path.startswith("blocks") and path.endswith("weight") else None

    return report_of("small", choose)


def limit(measure, number, comparison=Comparison.AT_MOST, **rest):
    return Limit(f"{measure} {comparison} {number}", measure, comparison, Fraction(number), **rest)


def blocks(path):
    return path.startswith("blocks")


BLOCK_BYTES = 3 * (2 * (512 // 2 + 512 // 16 * 4) + 4 * 48)
BLOCK_PARAMS = 3 * (512 + 32 + 512 + 16)


def test_the_size_of_the_whole_is_the_file(report):
    outcome = judge(limit(Measure.SIZE, report.total_bytes, whole=True), report)
    assert outcome.measured == report.total_bytes
    assert outcome.held
    assert outcome.shortfall == 0


def test_the_size_of_a_part_is_the_sum_of_its_storages(report):
    outcome = judge(limit(Measure.SIZE, BLOCK_BYTES - 1, covers=blocks), report)
    assert outcome.measured == BLOCK_BYTES
    assert not outcome.held
    assert outcome.shortfall == 1
    # two runs of three weights each come first
    assert [(c.path, c.amount) for c in outcome.contributors[:2]] == [
        ("blocks[0..3].up.weight", 3 * 384),
        ("blocks[0..3].down.weight", 3 * 384),
    ]


def test_bits_are_of_the_source_parameters(report):
    outcome = judge(limit(Measure.BITS, 7, covers=blocks), report)
    assert outcome.measured == Fraction(8 * BLOCK_BYTES, BLOCK_PARAMS)


def test_params_count_the_model_before_passes(report):
    outcome = judge(limit(Measure.PARAMS, 1, covers=lambda p: p.startswith("front")), report)
    assert outcome.measured == 16 * 3 * 8 + 4 * 16


def test_a_bias_that_folding_added_counts_with_its_layer(report):
    outcome = judge(limit(Measure.SIZE, 1, covers=lambda p: p == "front.weight"), report)
    assert outcome.measured == 4 * (16 * 3 * 8) + 4 * 16


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ({}, Fraction(4 * BLOCK_PARAMS, BLOCK_BYTES)),
        ({"baseline": FloatType.BF16}, Fraction(2 * BLOCK_PARAMS, BLOCK_BYTES)),
        ({"unit": "%"}, Fraction(100 * BLOCK_BYTES, 4 * BLOCK_PARAMS)),
    ],
)
def test_a_ratio_is_baseline_over_size_and_a_percentage_size_over_baseline(report, rest, expected):
    assert judge(limit(Measure.RATIO, 1, covers=blocks, **rest), report).measured == expected


def test_macs_are_those_of_the_entry(report):
    sizes = {"B": 1, "T": 3}
    outcome = judge(limit(Measure.MACS, 10**6, entry="encode", sizes=sizes), report)
    assert outcome.measured == 384 + 6 * 512 + 16 + 96 * 32 + 384 + 160
    assert outcome.contributors[0].path == "memory"


@pytest.mark.parametrize(
    ("comparison", "held"),
    [
        (Comparison.AT_MOST, True),
        (Comparison.AT_LEAST, True),
        (Comparison.BELOW, False),
        (Comparison.ABOVE, False),
    ],
)
def test_a_limit_that_is_met_exactly(report, comparison, held):
    outcome = judge(limit(Measure.SIZE, BLOCK_BYTES, comparison, covers=blocks), report)
    assert outcome.held is held


@pytest.mark.parametrize(
    ("measure", "number", "rest", "text"),
    [
        (Measure.SIZE, 2000, {}, "2.81 KiB (2,880 B), missed by 880 B"),
        (Measure.BITS, 8, {}, "7.16 bits per weight, held"),
        (Measure.RATIO, 1, {"unit": "%"}, "22.39%, missed by 21.39%"),
        (Measure.PARAMS, 3000, {}, "3,216, missed by 216"),
    ],
)
def test_an_outcome_in_words(report, measure, number, rest, text):
    given = limit(measure, number, covers=blocks, **rest)
    assert outcome_text(judge(given, report)) == f"{given.text}: {text}"


def test_json(report):
    found = to_json(judge(limit(Measure.BITS, 8, covers=blocks), report))
    assert list(found) == ["limit", "measure", "measured", "held", "shortfall", "contributors"]
    assert found["measured"] == pytest.approx(8 * 2880 / 3216)
    assert found["shortfall"] == 0
