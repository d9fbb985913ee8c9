"""The benchmark of the kernels: what it counts as bytes is stored, its pairs are of one round."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from qdsl.fx.ops import backend, operation
from qdsl.fx.reference import BACKEND

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _path(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def products():
    from cpu_rows import cells
    from peers.problem import Product

    found = {(c.problem.weights, c.problem.group): c.problem for c in cells()}
    return [p for p in found.values() if isinstance(p, Product)]


def test_keys_are_names():
    from cpu_rows import cells

    keys = [cell.key(rows) for cell in cells() for rows in cell.rows]
    assert len({*keys}) == len(keys) > 100


def test_bytes_are_those_that_are_stored():
    from peers.weights import weight

    small = [replace(p, outputs=64, inputs=256) for p in products()]
    assert {p.bits for p in small} == {8, 4, 2, 1}
    for problem in small:
        parts = weight(problem)
        tensors = (parts.codes, parts.scales, parts.index)
        stored = sum(t.numel() * t.itemsize for t in tensors if t is not None)
        assert stored == problem.bytes, problem


def test_every_weight_is_one_that_the_kernels_take():
    from peers.weights import weight

    x = torch.randn(3, 256)
    for problem in (replace(p, outputs=64, inputs=256) for p in products()):
        canonical = weight(problem)
        found = operation("linear", "default")(
            x, backend("cpu").repack(canonical), None, 64, "int8_token"
        )
        exact = operation("linear", "reference")(
            x, BACKEND.repack(canonical), None, 64, "int8_token"
        )
        assert torch.equal(found, exact), problem


def test_rotation_goes_through_more_than_a_cache_holds():
    from peers.problem import Product

    problem = Product(8192, 8192, "binary", 128, "int8_token", rotate=True)
    assert problem.copies(problem.bytes) * problem.bytes >= 100e6
    assert replace(problem, rotate=False).copies(problem.bytes) == 1


def test_ratios_are_of_turns_in_the_same_round():
    from cpu_run import _ratio

    assert _ratio([2.0, 8.0, 30.0], [1.0, 2.0, 10.0]) == 3.0  # 2, 4, 3
    assert _ratio([], [1.0]) is None


def test_the_best_other_is_the_fastest():
    from cpu_show import best_peer

    times = {"qdsl": 1.0, "qdsl int4": 4.0, "ORT": 3.0, "torch": 5.0}
    row = {"contenders": {name: {"us": us} for name, us in times.items()}}
    name, _ = best_peer(row)
    assert name == "ORT"


def test_a_row_is_timed_written_and_kept(tmp_path):
    out = tmp_path / "cpu.json"
    command = (sys.executable, str(BENCHMARKS / "cpu.py"), "--rounds", "1", "--peers", "missing")
    for _ in range(2):
        run = (*command, "--only", "call/16", "--out", str(out), "--resume")
        made = subprocess.run(run, capture_output=True, text=True, check=True)
    assert "of limit" not in made.stdout  # the second time there is nothing left to do
    (row,) = json.loads(out.read_text())["rows"]
    assert row["rounds"] == 1
    assert 0 < row["contenders"]["qdsl"]["fraction"] <= 1
