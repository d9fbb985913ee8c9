"""Measures kernels alone: which run, on how many weights, and what is refused."""

import pytest

from qdsl.bench import kernel as measuring
from qdsl.bench.kernel import Case, bench_kernels, usual_activations
from qdsl.bench.model import Plan
from qdsl.bench.roofline import Limits
from qdsl.diagnostic.model import QdslError
from qdsl.target import Peak

LIMITS = Limits({1 << 28: 1e9}, {Peak("int8", "x"): 4e9, Peak("f32", "x"): 1e9}, 1e-6)


@pytest.fixture(autouse=True)
def _known_limits(monkeypatch):
    monkeypatch.setattr(measuring, "measure", lambda *arguments: LIMITS)


def one(weights, activations="int8", shape=(3, 64, 128), cold=False, backend="cpu"):
    (row,) = bench_kernels([Case(weights, activations, shape, cold)], Plan(backend, 1, 2)).rows
    return row


@pytest.mark.parametrize(
    ("weights", "activations", "operands", "kernel"),
    [
        ("int4(group = 64, scale = f16)", "int8", "int8", "linear_int8"),
        ("int4 sparse 2:4", "int8", "int8", "linear_int8"),
        ("binary", "int8(dynamic, per = tensor)", "int8", "linear_int8"),
        ("ternary(pack = base3)", "f32", "f32", "linear_f32"),
        ("f32", "f32", "f32", "torch"),
    ],
)
def test_a_case(weights, activations, operands, kernel):
    row = one(weights, activations)
    work = row.layer.work
    assert work.shape == (3, 64, 128)
    assert work.operations == 2 * 3 * 64 * 128
    assert work.operands == operands
    assert row.layer.kernel.startswith(kernel)
    assert len(row.layer.seconds.values) == len(row.layer.fraction.values) == 2
    assert row.copies == 1


@pytest.mark.parametrize(
    ("weights", "activations"),
    [("f32", "f32"), ("nf4", "f32"), ("int4(group = 5)", "int8"), ("ternary", "int8")],
)
def test_activations_that_weights_can_be_multiplied_by(weights, activations):
    assert usual_activations(weights, (1, 3, 5)) == activations


def test_cold_weights_go_round_more_than_caches_hold(monkeypatch):
    monkeypatch.setattr(measuring, "COLD_BYTES", 1000)
    monkeypatch.setattr(measuring, "Measured", str)  # a back end that measures nothing
    row = one("int8", shape=(1, 16, 16), cold=True)
    bytes = row.layer.work.bytes
    assert (row.copies - 1) * bytes < 1000 <= row.copies * bytes
    assert row.layer.work.working_set == row.copies * bytes
    assert row.layer.fraction is None


def test_copies_are_as_many_as_memory_asks_for():
    assert one("f32", "f32", (1, 2048, 2048), cold=True).copies == 8  # half of 256 MiB


def test_cases_are_rows_in_order():
    cases = [Case(w, "int8", (m, 16, 32), False) for w in ("int4", "int8") for m in (1, 2)]
    report = bench_kernels(cases, Plan(threads=1, rounds=1))
    assert [(r.layer.format, r.layer.work.shape[0]) for r in report.rows] == [
        ("int4", 1),
        ("int4", 2),
        ("int8", 1),
        ("int8", 2),
    ]


@pytest.mark.parametrize(
    ("weights", "activations", "shape", "code"),
    [
        ("int9", "int8", (1, 8, 8), "Q101"),
        ("int4(", "int8", (1, 8, 8), "Q011"),
        ("int4(group = 5)", "int8", (1, 8, 8), "Q307"),
        ("int4", "int4(dynamic)", (1, 8, 8), "Q302"),
        ("any(int4, int8)", "int8", (1, 8, 8), "Q404"),
        ("f32", "int8", (1, 8, 8), "Q510"),
        ("int4", "int8", (1, 1 << 20, 1 << 20), "Q750"),
        ("int4", "int8", (1 << 20, 1, 1 << 20), "Q750"),
    ],
)
def test_what_is_refused(weights, activations, shape, code):
    with pytest.raises(QdslError) as caught:
        one(weights, activations, shape)
    assert code in {d.code for d in caught.value.diagnostics}
