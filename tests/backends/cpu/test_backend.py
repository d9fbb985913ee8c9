"""Checks what the back end says of itself, without torch, and its registration with torch."""

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import qdsl_cpu
from qdsl.ir.format import ActivationFormat, IntegerGrid, PerTensor, WeightFormat
from qdsl.target import find_kernel
from qdsl_cpu import BACKEND, _native, operations

Make = Callable[..., Any]


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


SHOW = "from qdsl_cpu import BACKEND, backend; import sys; "


def test_capabilities_load_without_torch() -> None:
    shown = python(SHOW + "print(len(BACKEND.capabilities()), 'torch' in sys.modules)")
    assert shown.stdout.split() == [str(len(BACKEND.capabilities())), "False"], shown.stderr


@pytest.mark.parametrize("isa", _native.isas())
def test_the_environment_forces_an_instruction_set(isa: str) -> None:
    shown = python(SHOW + "print(backend.isa(), BACKEND.capabilities()[0].kernel)", QDSL_ISA=isa)
    ran, kernel = shown.stdout.split()
    order = _native.isas()
    assert ran == isa
    assert order.index(kernel.rpartition("_")[2]) <= order.index(isa)


def test_an_unknown_instruction_set_makes_the_backend_unavailable() -> None:
    code = SHOW + "print(BACKEND.capabilities(), BACKEND.availability().reason)"
    shown = python(code, QDSL_ISA="avx1024")
    assert shown.stdout.startswith("() QDSL_ISA: no instruction set is called `avx1024`")


@pytest.mark.parametrize(
    ("isa", "meant"), [("AVX2", "`avx2`?"), ("avx512-bf16", "`avx512bf16`?"), ("sparc", "neoni8mm")]
)
def test_what_instruction_set_was_meant(isa: str, meant: str) -> None:
    found = python(SHOW + "print(BACKEND.availability())", QDSL_ISA=isa).stdout
    assert f"{meant}', mistaken=True" in found


def test_kernels_that_are_promised_are_registered() -> None:
    # embeddings and dequantizing are plain C++, compiled for every processor
    plain = {"embedding_scalar", "dequantize_scalar"}
    promised = {c.kernel for c in BACKEND.capabilities()} - plain
    assert promised <= set(_native.kernels())
    assert any(name.endswith(f"_{_native.isa()}") for name in promised)


@pytest.mark.parametrize(
    ("operation", "activations", "kernel"),
    [
        ("linear", None, "linear_f32"),
        ("linear", ActivationFormat(), "linear_int8"),
        ("linear", ActivationFormat(PerTensor()), "linear_int8"),
        ("lstm", ActivationFormat(), "lstm_f32"),
        ("embedding", None, "embedding_scalar"),
        ("dequantize", None, "dequantize_scalar"),
    ],
)
def test_a_plan_finds_kernels(
    operation: str, activations: ActivationFormat | None, kernel: str
) -> None:
    for bits in (2, 4, 8):
        found = find_kernel(
            BACKEND, operation, WeightFormat(f"int{bits}", IntegerGrid(bits)), activations
        )
        assert found is not None
        assert found.kernel.startswith(kernel)


def test_operations_run_through_torch(make_format: Make, make_weight: Make) -> None:
    library = torch.library.Library("qdsl_cpu_test", "DEF")
    library.define(
        "linear(Tensor x, Tensor weight, Tensor? bias, int out_features, str activations) -> Tensor"
    )
    library.define("embedding(Tensor ids, Tensor weight, int embedding_dim) -> Tensor")
    library.define("dequantize(Tensor weight, int outputs, int in_features) -> Tensor")
    library.define(
        "lstm(Tensor gates, Tensor h0, Tensor c0, Tensor weight_hh, Tensor? weight_hr, str state)"
        " -> (Tensor, Tensor, Tensor)"
    )
    library.define(
        "matmul(Tensor x, Tensor y, str equation, str activations, Tensor? left_scale=None,"
        " Tensor? left_zero=None, Tensor? right_scale=None, Tensor? right_zero=None) -> Tensor"
    )
    library.define(
        "round(Tensor x, str activations, Tensor? scale=None, Tensor? zero=None) -> Tensor"
    )
    BACKEND.register(library)
    ops = torch.ops.qdsl_cpu_test
    packed = make_weight(make_format(), 32, 8).packed
    x, bias, ids = torch.randn(3, 8), torch.randn(32), torch.tensor([4, 31])
    sequence = (torch.randn(5, 2, 32), torch.zeros(2, 8), torch.zeros(2, 8), packed, None, "f32")
    for called, direct in (
        (ops.linear(x, packed, bias, 32, "f32"), operations.linear(x, packed, bias, 32, "f32")),
        (ops.embedding(ids, packed, 8), operations.embedding(ids, packed, 8)),
        (ops.dequantize(packed, 32, 8), operations.dequantize(packed, 32, 8)),
        (ops.lstm(*sequence)[0], operations.lstm(*sequence)[0]),
        (ops.round(x, "int8_token"), operations.round(x, "int8_token")),
        (
            ops.matmul(x, x, "ik,jk->ij", "int8_token"),
            operations.matmul(x, x, "ik,jk->ij", "int8_token"),
        ),
    ):
        assert torch.equal(called, direct)


def test_the_types_are_those_of_the_module() -> None:
    stub = ast.parse((Path(qdsl_cpu.__file__).parent / "_native.pyi").read_text())
    functions = {node.name: node for node in stub.body if isinstance(node, ast.FunctionDef)}
    public = {name for name in dir(_native) if not name.startswith("_")}
    assert set(functions) == public
    for name, function in functions.items():
        signature = getattr(_native, name).__nb_signature__[0][0]
        arguments = [a.split(":")[0].strip() for a in signature.partition("(")[2].split(", ")]
        for argument in function.args.args:
            assert argument.arg in arguments, signature
