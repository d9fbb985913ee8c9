"""Compiles every variant of every kernel for three architectures, and holds the code to budgets."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

VERSION = pytest.importorskip("triton").__version__
INSTRUCTIONS = Path(__file__).parent / "instructions"
BUDGETS = INSTRUCTIONS / f"triton-{VERSION}"
"""Code of another version of Triton is another."""
TOLERANCE = 1.1
"""How much longer than its budget code may be."""


def report(architecture: str, cache: Path) -> dict[str, Any]:
    """What each variant takes; of a process in which kernels are compiled, not interpreted."""
    kept = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    made = subprocess.run(
        [sys.executable, "-m", "qdsl_gpu.ahead", architecture],
        env={"TRITON_CACHE_DIR": str(cache), **kept},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    found: dict[str, Any] = json.loads(made.stdout)
    return found


@pytest.mark.parametrize("architecture", ["sm_80", "sm_90", "gfx942"])
def test_code_keeps_to_its_device_and_budgets(
    architecture: str, golden: Callable[[Path, str], None], pytestconfig: pytest.Config
) -> None:
    cache = pytestconfig.cache
    assert cache is not None
    # one test, because each would compile the same on a worker of its own
    code = report(architecture, cache.mkdir("triton"))
    assert {name: c["spilled"] for name, c in code.items() if c["spilled"]} == {}
    assert {name: c["registers"] for name, c in code.items() if c["registers"] > 255} == {}
    assert {name: c["shared"] for name, c in code.items() if not c["fits"]} == {}
    assert [name for name, c in code.items() if not c["matrix"]] == [], "no matrix instruction"
    path = BUDGETS / f"{architecture}.json"
    if not path.is_file() and not pytestconfig.getoption("--update-golden"):
        known = sorted(p.name.removeprefix("triton-") for p in INSTRUCTIONS.iterdir())
        pytest.skip(f"budgets are those of Triton {', '.join(known)}, not {VERSION}")
    lengths = {name: c["instructions"] for name, c in sorted(code.items())}
    if pytestconfig.getoption("--update-golden") or not within(
        lengths, json.loads(path.read_text())
    ):
        golden(path, json.dumps(lengths, indent=1) + "\n")


def within(lengths: Mapping[str, int], budgets: Mapping[str, int]) -> bool:
    """Whether there is a budget for each, and none is exceeded by more than the tolerance."""
    if lengths.keys() != budgets.keys():
        return False
    return all(length <= budgets[name] * TOLERANCE for name, length in lengths.items())


def test_longer_code_is_noticed() -> None:
    assert within({"a": 110, "b": 5}, {"a": 100, "b": 100})
    assert not within({"a": 111, "b": 5}, {"a": 100, "b": 100})
    assert not within({"a": 1}, {"a": 1, "b": 1})
    assert not within({"a": 1, "b": 1}, {"a": 1})
