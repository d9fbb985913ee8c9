"""Compiles every variant of every kernel for three architectures, and holds the code to budgets."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

BUDGETS = Path(__file__).parent / "instructions" / f"triton-{version('triton')}"
"""Code of another version of Triton is another."""
ARCHITECTURES = ("sm_80", "sm_90", "gfx942")
TOLERANCE = 1.1
"""How much longer than its budget code may be."""


@cache
def report(architecture: str) -> dict[str, Any]:
    """What each variant takes; of a process in which kernels are compiled, not interpreted."""
    made = subprocess.run(
        [sys.executable, "-m", "qdsl_gpu.ahead", architecture],
        env={k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    found: dict[str, Any] = json.loads(made.stdout)
    return found


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_code_keeps_to_registers_and_shared_memory(architecture: str) -> None:
    for name, code in report(architecture).items():
        assert code["spilled"] == 0, name
        assert code["registers"] <= 255, name
        assert code["fits"], f"{name}: {code['shared']} bytes"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_products_use_the_matrix_unit(architecture: str) -> None:
    lacking = [name for name, code in report(architecture).items() if not code["matrix"]]
    assert not lacking


@pytest.mark.skipif(version("triton") != "3.6.0", reason="budgets are those of Triton 3.6.0")
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_code_does_not_grow(architecture: str, golden: Callable[[Path, str], None]) -> None:
    lengths = {name: code["instructions"] for name, code in sorted(report(architecture).items())}
    path = BUDGETS / f"{architecture}.json"
    if not path.is_file() or not within(lengths, json.loads(path.read_text())):
        golden(path, json.dumps(lengths, indent=1) + "\n")


def within(lengths: dict[str, int], budgets: dict[str, int]) -> bool:
    """Whether there is a budget for each, and none is exceeded by more than the tolerance."""
    if lengths.keys() != budgets.keys():
        return False
    return all(length <= budgets[name] * TOLERANCE for name, length in lengths.items())


def test_longer_code_is_noticed() -> None:
    assert within({"a": 110, "b": 5}, {"a": 100, "b": 100})
    assert not within({"a": 111, "b": 5}, {"a": 100, "b": 100})
    assert not within({"a": 1}, {"a": 1, "b": 1})
    assert not within({"a": 1, "b": 1}, {"a": 1})
