"""Measures a small model: what is in the report, not how long anything took."""

import pytest
import torch

from qdsl import load, load_spec
from qdsl.bench import model as measuring
from qdsl.bench.given import random_inputs, sizes_of
from qdsl.bench.model import Plan, bench_model
from qdsl.bench.packed import pack_untrained
from qdsl.bench.profile import empty_nanoseconds, facts, node_seconds
from qdsl.bench.roofline import Bound, Limits
from qdsl.diagnostic.model import QdslError
from qdsl.target import Peak
from qdsl_cpu import BACKEND

LIMITS = Limits({1000: 2e9, 10**9: 1e9}, {Peak("int8", "x"): 4e9, Peak("f32", "x"): 1e9}, 1e-6)


@pytest.fixture
def known_limits(monkeypatch):
    """What a machine can do, without measuring it; the working sets that were asked for."""
    asked = []

    def measure(machine, threads, working_sets):
        asked.append((threads, working_sets))
        return LIMITS

    monkeypatch.setattr(measuring, "measure", measure)
    return asked


def entry(program, name):
    return next(e for e in program.ir.entries if e.name == name)


@pytest.fixture
def report(program, known_limits):
    plan = Plan(rounds=2, threads=1)
    return bench_model(program, "net", entry(program, "run"), {"T": 5, "B": 2}, plan)


def test_each_layer_is_a_row(report):
    rows = {row.path: (row.work.shape, row.work.operands) for row in report.layers}
    assert len(rows) == len(report.layers)
    assert rows == {
        "table": ((10, 16), "f32"),
        "up": ((10, 32, 16), "int8"),
        "down": ((10, 16, 32), "f32"),
        "conv": ((10, 16, 48), "f32"),
        "rnn.weight_ih": ((10, 64, 16), "f32"),
        "rnn.weight_hh": ((10, 64, 16), "f32"),
        "out": ((10, 32, 16), "f32"),
    }


def test_kernels_have_names(report):
    rows = {row.path: row.kernel for row in report.layers}
    known = {c.kernel for c in BACKEND.capabilities()}
    assert rows["up"] in known
    assert rows["up"].startswith("linear_int8")
    assert rows["rnn.weight_hh"].startswith("lstm")
    assert rows["table"].startswith("embedding")


def test_what_each_layer_does(report, program):
    work = {row.path: row.work for row in report.layers}
    packed = {path: program.get_buffer(f"{path}.weight").nbytes for path in ("table", "up", "out")}
    assert work["up"].bytes == packed["up"]
    assert work["up"].operations == 2 * 10 * 32 * 16
    assert work["table"].bytes == 10 * packed["table"] // 32  # the rows that are looked up
    assert work["table"].operations == 0
    # a recurrent weight is read in each of 5 steps, and nothing else between them
    recurrent = program.get_buffer("rnn.weight_hh").nbytes
    assert work["rnn.weight_hh"].bytes == 5 * recurrent
    assert work["rnn.weight_hh"].working_set == recurrent
    assert len({work[path].working_set for path in ("table", "up", "out")}) == 1
    assert work["up"].working_set > sum(packed.values())


def test_a_recurrent_layer_of_floats(spec, tmp_path, known_limits):
    """The weight of the input is read once, the other one in each step."""
    path = tmp_path / "float.qpack"
    pack_untrained(load_spec(spec).variants["fixed"], path)
    program = load(path, "reference")
    plan = Plan(backend="reference", rounds=1)
    found = bench_model(program, "net", entry(program, "run"), {"B": 3, "T": 7}, plan)
    work = next(row.work for row in found.layers if row.path == "rnn")
    assert work.shape == (21, 64, 16)
    assert work.bytes == (1 + 7) * 4 * 64 * 16
    assert work.operations == 2 * 2 * 21 * 64 * 16


def test_rows_and_limits_are_of_the_same_rounds(report, known_limits):
    assert [threads for threads, _ in known_limits] == [1] * 4
    assert all(row.work.working_set in known_limits[0][1] for row in report.layers)
    for row in report.layers:
        least = max(
            row.work.bytes / LIMITS.bandwidth(row.work.working_set),
            row.work.operations / LIMITS.peak(row.work.operands),
        )
        pairs = zip(row.fraction.values, row.seconds.values, strict=True)
        assert all(f == pytest.approx(least / max(s, 1e-12)) for f, s in pairs)
        assert row.bound in Bound


def test_the_profile_has_every_node(report, program):
    nodes = [n for n in program.graph("run").nodes if n.op not in ("placeholder", "output")]
    assert len(report.layers) + sum(row.count for row in report.rest) == len(nodes)
    timed = node_seconds(program, "run", [torch.zeros(2, 5, dtype=torch.int64)], 2)
    assert set(timed) == {n.name for n in nodes}
    assert all(seconds >= 0 for seconds in timed.values())


def test_shares_add_up(report):
    shares = [report.share(row.seconds) for row in (*report.layers, *report.rest)]
    assert all(0 <= share <= 1 for share in shares)
    whole = report.in_operations.values
    between = report.between.values
    assert [a + b for a, b in zip(whole, between, strict=True)] == pytest.approx(
        [*report.seconds.values]
    )


def test_interpreting_computes_what_the_entry_does(program):
    ids = torch.arange(10).view(2, 5)
    shape = tuple(program.run(ids).shape)
    assert facts(program, "run", [ids])["output"].shape == shape == (2, 5, 32)


def test_a_call_of_nothing_takes_little():
    assert 0 <= empty_nanoseconds(lambda: None) < 1e6


def test_threads_are_given_back(program, known_limits):
    before = torch.get_num_threads()
    plan = Plan(threads=before + 1, rounds=1)
    assert bench_model(program, "net", entry(program, "other"), {}, plan).threads == before + 1
    assert torch.get_num_threads() == before


def test_a_back_end_that_measures_nothing(spec, tmp_path):
    path = tmp_path / "m.qpack"
    pack_untrained(load_spec(spec).variants["fixed"], path, {"T": 3})
    program = load(path, "reference")
    plan = Plan(backend="reference", rounds=1)
    found = bench_model(program, "net", entry(program, "run"), {"T": 3}, plan)
    assert found.limits == ()
    assert {row.fraction for row in found.layers} == {None}
    assert {row.work.operands for row in found.layers if row.path == "up"} == {"int8"}


def test_random_inputs(program):
    other = entry(program, "other")
    sizes = sizes_of(other, {"T": 7})
    assert sizes == {"B": 1, "T": 7}
    x, lengths, flags = random_inputs(program.ir, other, sizes)
    assert (x.shape, x.dtype) == ((1, 7, 4, 16), torch.float32)
    assert lengths.tolist() == [7]
    assert flags.all()
    (ids,) = random_inputs(program.ir, entry(program, "run"), {"B": 50, "T": 40})
    assert ids.min() == 0
    assert ids.max() == 31


@pytest.mark.parametrize("sizes", [{"B": 1 << 20, "T": 1 << 20}, {"N": 3}])
def test_sizes_that_do_not_fit(program, sizes):
    with pytest.raises(QdslError) as caught:
        bench_model(program, "net", entry(program, "run"), sizes, Plan(rounds=1))
    assert [d.code for d in caught.value.diagnostics] == ["Q750"]
