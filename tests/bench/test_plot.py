"""Draws rooflines: what becomes a point, and which roofs there are."""

import pytest

from qdsl.bench.plot import plot, points, roofs
from qdsl.bench.report import LayerRow
from qdsl.bench.roofline import Limits, Work
from qdsl.bench.sample import sample
from qdsl.target import Peak

LIMITS = Limits(
    {1 << 12: 1e11, 1 << 20: 9.5e10, 1 << 28: 3e10},
    {Peak("int8", "a"): 4e11, Peak("int8", "b"): 2e11, Peak("f32", "a"): 1e11},
    1e-6,
)


def row(path, format="int4", shape=(1, 4, 8), operations=64, operands="int8", seconds=1e-6):
    work = Work(shape, 32, operations, 1 << 20, operands)
    return LayerRow(path, "linear", "k", format, work, sample([seconds]), sample([0.5]), None)


def test_alike_layers_are_one_point():
    found = points([row(f"blocks[{i}].up", seconds=10.0**-i) for i in range(3)] + [row("out")])
    assert [(p.name, p.count) for p in found] == [("blocks[*].up", 3), ("out", 1)]
    assert found[0].rate == pytest.approx(64 / 0.1)
    assert found[0].intensity == 2.0


def test_kernels_alone_are_named_by_what_they_are():
    found = points([row("layer"), row("layer", format="int8"), row("layer", shape=(2, 4, 8))])
    assert [p.name for p in found] == ["int4, 1 x 4 x 8", "int8, 1 x 4 x 8", "int4, 2 x 4 x 8"]


def test_what_multiplies_nothing_is_no_point():
    assert points([row("table", operations=0)]) == []


def test_roofs_that_are_near_are_one():
    found = roofs([LIMITS, LIMITS], frozenset({"int8"}))
    assert found.bandwidths == (("memory", 3e10), ("1 MiB", 9.5e10))
    assert found.peaks == (("int8", 4e11),)


@pytest.mark.parametrize("limits", [(), (LIMITS,)])
@pytest.mark.parametrize("rows", [[], [row("a"), row("b", operands="f32")]])
@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_picture_is_written(tmp_path, rows, limits, suffix):
    path = tmp_path / f"roofline{suffix}"
    plot("net", rows, limits, path)
    start = path.read_bytes()[:5]
    assert start in (b"\x89PNG\r", b"<?xml")
    if suffix == ".svg" and rows:
        text = path.read_text(encoding="utf-8")
        assert "operations per byte" in text
        assert "GOPS" in text


def test_many_points_have_a_legend_that_ends(tmp_path):
    rows = [row(f"layer{i}", seconds=10.0 ** -(i % 9)) for i in range(100)]
    plot("net", rows, (LIMITS,), tmp_path / "many.svg")
    assert "and 64 more" in (tmp_path / "many.svg").read_text(encoding="utf-8")
