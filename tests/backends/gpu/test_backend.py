"""Checks what the back end says of itself, without torch, and packed graphs on its operations."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from qdsl.ir.format import ActivationFormat, BinaryGrid, CodebookGrid, IntegerGrid, WeightFormat
from qdsl.target import Availability, find_kernel
from qdsl_gpu import BACKEND, devices

FORMATS = {
    "int4": WeightFormat("int4", IntegerGrid(4)),
    "int7": WeightFormat("int7", IntegerGrid(7)),
    "binary": WeightFormat("binary", BinaryGrid()),
    "kmeans3": WeightFormat("kmeans3", CodebookGrid(3)),
}


def python(code: str, **environment: str) -> str:
    made = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return made.stdout.strip()


def test_capabilities_load_without_torch_and_triton() -> None:
    code = (
        "from qdsl_gpu import BACKEND; import sys; BACKEND.capabilities(); BACKEND.availability();"
        "print([m for m in ('torch', 'triton', 'numpy') if m in sys.modules])"
    )
    assert python(code) == "[]"


def test_what_is_lacking_is_said() -> None:
    shown = python(
        "from qdsl_gpu import devices; print(devices.availability().reason)", TRITON_INTERPRET="0"
    )
    assert shown in (
        "",
        "`triton` is not installed",
        "this torch was built for processors only",
        "there is no driver of a GPU",
        "CUDA found no device",
        "HIP found no device",
        "Triton finds no C compiler: install `gcc`, or name one in `CC`",
    )


def test_a_compiler_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(devices, "_torch_has_gpus", lambda: True)
    monkeypatch.setattr(devices, "_found", lambda: Availability(True))
    monkeypatch.setenv("CC", "anything")
    headers = {"include": str(tmp_path)}
    monkeypatch.setattr(devices.sysconfig, "get_paths", lambda scheme: headers)
    assert "`Python.h`" in devices.availability().reason
    (tmp_path / "Python.h").touch()
    assert devices.availability().available
    monkeypatch.delenv("CC")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "C compiler" in devices.availability().reason


@pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")
def test_the_interpreter_alone_is_not_trusted() -> None:
    code = "from qdsl_gpu import devices; print(devices.availability())"
    shown = python(code, TRITON_INTERPRET="1")
    assert "available=False" in shown
    assert "Triton's interpreter gets bf16 wrong: unset it" in shown


@pytest.mark.parametrize(
    ("operation", "format", "activations", "kernel"),
    [
        ("linear", "int4", None, "linear_float"),
        ("linear", "int4", ActivationFormat(), "linear_int8"),
        ("linear", "kmeans3", None, "linear_float"),
        ("linear", "kmeans3", ActivationFormat(), None),
        ("linear", "int7", None, "linear_float"),
        ("embedding", "binary", None, "dequantize"),
        ("lstm", "int4", None, "lstm_cell"),
        ("conv", "kmeans3", None, "conv_groups"),
        ("conv", "kmeans3", ActivationFormat(), None),
        ("integer_conv", "int7", None, "integer_linear"),
        ("integer_embedding", "binary", None, "integer_embedding"),
        ("integer_linear", "kmeans3", None, None),
        ("matmul", "int4", ActivationFormat(), None),
    ],
)
def test_a_plan_finds_kernels(
    operation: str, format: str, activations: ActivationFormat | None, kernel: str | None
) -> None:
    found = find_kernel(BACKEND, operation, FORMATS[format], activations)
    assert (found.kernel if found else None) == kernel


@pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")
@pytest.mark.parametrize("script", ["graph.py", "step.py", "integers.py", "models.py"])
def test_a_packed_graph_and_a_step_of_training_run(script: str) -> None:
    path = str(Path(__file__).with_name(script))
    code = f"import runpy; runpy.run_path({path!r}, run_name='__main__')"
    shown = python(code, TRITON_INTERPRET="1")
    assert shown.splitlines()[-1] == "equal"
