"""The benchmark of kernels for GPUs, dry: all it does, in small, and what it says without a GPU."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from qdsl_gpu.devices import availability

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.py"
HAS_TRITON = pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")


@pytest.fixture(autouse=True)
def _path(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPT.parent))


def run(*options, **environment):
    return subprocess.run(
        (sys.executable, str(SCRIPT), *map(str, options)),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(availability().available, reason="there is a GPU")
def test_without_a_gpu_nothing_is_measured(tmp_path):
    made = run("--out", tmp_path / "gpu.json")
    assert made.returncode == 1
    assert "no GPU is at hand, so nothing is measured" in made.stdout
    assert not any(tmp_path.iterdir())


def test_the_interpreter_is_no_gpu(tmp_path):
    made = run("--out", tmp_path / "gpu.json", TRITON_INTERPRET="1")
    assert made.returncode == 1
    assert not any(tmp_path.iterdir())


@HAS_TRITON
def test_all_of_it_runs_dry_and_goes_on_where_it_ended(tmp_path):
    out = tmp_path / "gpu.json"
    options = ("--dry", "--out", out, "--tuned", tmp_path / "tuned", "--peers")
    first = run(*options, "gpu.pytorch", "gpu.missing", "--phases", "check", "products")
    assert first.returncode == 0, first.stdout + first.stderr
    rows = {row["key"]: row for row in json.loads(out.read_text())["rows"]}
    assert rows["check/64x128/int4,128/int8_token"]["passed"]
    row = rows["64x128/int4,128/bf16/M=1"]
    assert row["contenders"]["qdsl"]["over_ours"] == 1
    assert row["contenders"]["cuBLAS bf16"]["of_copy"] > 0
    assert "NotImplementedError" in row["failed"]["tinygemm"]  # it is of GPUs
    assert "No module named" in row["failed"]["gpu.missing"]
    # only what is not there yet is done
    second = run(*options, "gpu.pytorch")
    assert second.returncode == 0, second.stdout + second.stderr
    found = json.loads(out.read_text())
    assert found["dry"]
    before, rows = rows, {row["key"]: row for row in found["rows"]}
    assert all(rows[key] == row for key, row in before.items())
    assert len(rows) == 5 + 4 + 4 + 1 + 1
    assert {*rows["training/B=2"]["steps"]} == {"tiny", "tiny_int4_24"}
    assert rows["tune/64x128/int4,128/bf16/M=4"]["us"]["linear_float"] > 0
    assert {"qdsl tiny_int8", "torch bfloat16"} <= {*rows["encoder/M=1"]["contenders"]}
    (tuned,) = (tmp_path / "tuned").iterdir()
    assert tuned.name.startswith("dry-triton")


def test_rows_of_another_device_are_not_kept(tmp_path):
    from gpu import kept

    path = tmp_path / "gpu.json"
    good, failed = {"key": "a"}, {"key": "b", "error": "it died"}
    path.write_text(json.dumps({"gpu": {"name": "A"}, "dry": False, "rows": [good, failed]}))
    assert kept(path, {"name": "A"}, False) == {"a": good}
    assert kept(path, {"name": "B"}, False) == kept(path, {"name": "A"}, True) == {}
    assert kept(tmp_path / "none", {}, False) == {}


def test_keys_are_names_and_groups_divide():
    from gpu_rows import DRY, Plan, cells, checks, product_key

    for plan in (Plan(), DRY):
        keys = [cell.key(rows) for cell in cells(plan) for rows in cell.rows]
        assert len({*keys}) == len(keys)
        names = [product_key(problem) for problem in checks(plan)]
        assert len({*names}) == len(names)
        products = [cell.problem for cell in cells(plan) if hasattr(cell.problem, "group")]
        assert all(p.inputs % (p.group or 1) == 0 for p in [*products, *checks(plan)])
    goals = {cell.problem.weights: cell.goal(1) for cell in cells(Plan()) if cell.goal(1)}
    assert goals == {"int4": 0.65, "int8": 0.75, "int2": 0.5, "binary": 0.35}


def test_ratios_are_of_the_same_round_and_shares_of_the_copy():
    from gpu_run import COPY, OURS, _paired

    bytes = {(COPY, "copy"): 0, (OURS, "qdsl"): 1e6, ("gpu.x", "x"): 2e6}
    times = {
        (COPY, "copy"): [1e-12, 1e-12, 2e-12],  # seconds of a byte
        (OURS, "qdsl"): [2e-6, 4e-6, 4e-6],
        ("gpu.x", "x"): [4e-6, 4e-6, 8e-6],
    }
    row = _paired(times, bytes)
    assert row["copy_GB_per_s"] == 1000
    assert row["contenders"]["qdsl"]["of_copy"] == 0.5  # 0.5, 0.25, 0.5
    assert row["contenders"]["x"]["over_ours"] == 2
    assert row["contenders"]["qdsl"]["GB_per_s"] == 250


def test_a_runtime_that_takes_too_long_is_left_out(monkeypatch):
    import gpu_run
    from rich.console import Console

    class Slow:
        missing, versions = "", {}

        def __init__(self, *about):
            pass

        def ask(self, do, **order):
            clock[0] += 10
            return {"seconds": 1.0}

        def close(self):
            pass

    clock = [0.0]
    monkeypatch.setattr(gpu_run, "Runtime", Slow)
    monkeypatch.setattr(gpu_run.time, "monotonic", lambda: clock[0])
    runtimes = gpu_run.Runtimes(["gpu.x"], gpu_run.Time(100), Console(quiet=True))
    answers = [runtimes.ask("gpu.x", "time") for _ in range(4)]
    assert "seconds" in answers[2]  # it was begun in time
    assert "its share of the time" in answers[3]["error"]
    assert all("seconds" in runtimes.ask(gpu_run.OURS, "time") for _ in range(4))


def test_a_weight_of_every_format_is_one_that_packs():
    import torch
    from gpu_rows import DRY, Plan, checks
    from peers.weights import weight

    from qdsl.fx import reference

    shape = DRY.checked_shape
    for problem in checks(Plan()):
        small = type(problem)(*shape, problem.weights, problem.group, "f32", False)
        packed = reference.BACKEND.repack(weight(small))
        assert torch.isfinite(reference.dequantize(packed, *shape)).all()
