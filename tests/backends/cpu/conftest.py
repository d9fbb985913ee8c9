"""Fixtures: random canonical weights, and what they mean in numpy, apart from the kernels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from qdsl_cpu import _native, operations
from qdsl_cpu.weights import repack

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Format:
    """A number format, a group (0: the row) and a sparsity pattern."""

    kind: Literal["integer", "ternary", "binary", "base3"] = "integer"
    bits: int = 4
    signed: bool = True
    half: bool = False
    zero: Literal["none", "int", "float"] = "none"
    group: int = 0
    pattern: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Weight:
    """A packed weight beside the numbers it stands for, all [outputs, in_features].

    codes are 2 * q - 2 * z, so that levels between the integers stay integers; group_of
    [in_features] is the group of each position; scales and shifts are [outputs, groups].
    """

    format: Format
    codes: Integers
    scales: Floats
    shifts: Floats | None
    group_of: Integers
    packed: Tensor

    @property
    def outputs(self) -> int:
        return self.codes.shape[0]

    @property
    def in_features(self) -> int:
        return self.codes.shape[1]

    @property
    def dense(self) -> Floats:
        """Each step rounded to float32."""
        halves = (self.codes.astype(np.float32) * np.float32(0.5)).astype(np.float32)
        dense = self.scales[:, self.group_of] * halves
        return dense if self.shifts is None else dense - self.shifts[:, self.group_of]


def pack_rows(fields: Integers, bits: int) -> Tensor:
    """uint8 [rows, row bytes]: b bits a field, little-endian, each row begun on a byte."""
    rows, count = fields.shape
    planes = (fields[:, :, None] >> np.arange(bits)) & 1
    packed = np.packbits(planes.reshape(rows, count * bits).astype(np.uint8), 1, bitorder="little")
    return torch.from_numpy(packed)


def _kept(format: Format, outputs: int, in_features: int, rng: np.random.Generator) -> Any:
    """Ascending kept positions [outputs, kept] and their index inside their M."""
    if format.pattern is None:
        return np.tile(np.arange(in_features), (outputs, 1)), None
    kept, period = format.pattern
    parts = []
    for start in range(0, in_features, period):
        size = min(period, in_features - start)
        order = np.argsort(rng.random((outputs, size)), axis=1)[:, : min(kept, size)]
        parts.append(np.sort(order, axis=1) + start)
    at = np.concatenate(parts, axis=1) if parts else np.zeros((outputs, 0), np.int64)
    return at, at % period


def _range(format: Format) -> tuple[int, int]:
    if format.kind != "integer":
        return -1, 1
    if not format.signed:
        return 0, 2**format.bits - 1
    return -(2 ** (format.bits - 1)), 2 ** (format.bits - 1) - 1


def build(
    format: Format,
    outputs: int,
    in_features: int,
    seed: int = 0,
    extreme: bool = False,
    scale: float = 1.0,
    stored: torch.dtype = torch.float32,
) -> Weight:
    """A random weight; with `extreme` only the ends of the range occur.

    stored: the type of scales and float zeros.
    """
    rng = np.random.default_rng(seed)
    low, high = _range(format)
    group = format.group or max(in_features, 1)
    groups = -(-in_features // group) if format.group else 1
    group_of = np.arange(in_features) // group
    at, index = _kept(format, outputs, in_features, rng)
    q = rng.integers(low, high + 1, at.shape)
    if extreme or format.kind == "binary":
        q = np.where(rng.random(at.shape) < 0.5, low, high)
    z = np.zeros((outputs, groups), np.int64)
    if format.zero == "int":
        z = rng.integers(low, high + 1, z.shape)
        if extreme:
            z = np.where(rng.random(z.shape) < 0.5, low, high)
    scales = torch.from_numpy(scale * (rng.random((outputs, groups)) * 0.1 + 0.01)).to(stored)
    shifts = torch.from_numpy(rng.standard_normal((outputs, groups))).to(stored)
    codes = np.zeros((outputs, in_features), np.int64)
    halves = 2 * q + format.half - 2 * np.take_along_axis(z, group_of[at], axis=1)
    np.put_along_axis(codes, at, halves, axis=1)
    zeros = {"none": None, "int": pack_rows(z, format.bits), "float": shifts}
    packed = repack(
        pack_rows((q > 0) if format.kind == "binary" else q, format.bits),
        scales,
        zeros[format.zero],
        None if index is None else pack_rows(index, (format.pattern[1] - 1).bit_length()),  # type: ignore[index]
        kind=format.kind,
        bits=format.bits,
        signed=format.signed,
        half=format.half,
        outputs=outputs,
        in_features=in_features,
        group=format.group,
        zero=format.zero,
        pattern=format.pattern,
    )
    floating = shifts.float().numpy() if format.zero == "float" else None
    return Weight(format, codes, scales.float().numpy(), floating, group_of, packed)


FORMATS = (
    *(Format(bits=bits) for bits in (2, 3, 4, 5, 6, 7, 8)),
    *(Format(bits=bits, signed=False, zero="int") for bits in (2, 4, 8)),
    *(Format(bits=bits, zero="int", group=16) for bits in (2, 4, 8)),
    *(Format(bits=bits, signed=False, zero="float", group=24) for bits in (2, 4, 8)),
    Format(bits=4, zero="float"),
    Format(bits=8, signed=False),
    *(Format(bits=bits, half=True, group=32) for bits in (2, 3, 4, 7)),
    Format(kind="ternary", bits=2),
    Format(kind="ternary", bits=2, group=64, pattern=(2, 4)),
    *(Format(kind="base3", bits=2, group=group) for group in (0, 24, 128)),
    Format(kind="base3", bits=2, group=64, pattern=(2, 4)),
    Format(kind="base3", bits=2, group=10, pattern=(3, 5)),
    Format(kind="binary", bits=1),
    Format(kind="binary", bits=1, group=40),
    Format(kind="binary", bits=1, group=32, pattern=(1, 4)),
    *(Format(group=group) for group in (1, 3, 8, 32, 128)),
    Format(group=32, pattern=(2, 4)),
    *(Format(bits=bits, pattern=(2, 4)) for bits in (4, 8)),
    Format(bits=4, signed=False, zero="int", group=128, pattern=(2, 4)),
    *(Format(bits=bits, group=128, pattern=(1, 4)) for bits in (2, 3, 4)),
    Format(bits=6, zero="int", group=64, pattern=(2, 4)),
    Format(bits=2, zero="int", group=12, pattern=(1, 3)),
    Format(bits=8, group=64, pattern=(4, 16)),
    Format(bits=3, signed=False, zero="int", group=10, pattern=(3, 5)),
    Format(pattern=(0, 2)),
    Format(pattern=(1, 1)),
)


def format_name(format: Format) -> str:
    parts = [f"{'' if format.signed else 'u'}{format.kind}{format.bits}", f"g{format.group}"]
    parts += ["half"] * format.half + [format.zero] * (format.zero != "none")
    return "-".join(
        parts + ([f"{format.pattern[0]}of{format.pattern[1]}"] if format.pattern else [])
    )


def run_linear(
    x: Tensor,
    weight: Weight,
    activations: str,
    isa: str,
    bias: Tensor | None = None,
    threads: int = 1,
    range: tuple[float, int] | None = None,
) -> Tensor:
    """[rows, outputs] by one instruction set; x float32 [rows, in_features], range: scale, zero.

    All rows are one example.
    """
    static = (None, None) if range is None else [torch.tensor([float(v)]) for v in range]
    given = (x[None], weight.packed, bias, weight.outputs, activations, *static)
    return operations.linear(*given, isa=isa, threads=threads)[0]


def quantized_product(x: Floats, weight: Weight, bias: Floats | None, tensor: bool) -> Floats:
    """Dynamic int8 activations: exact integer sums, each step of the epilogue rounded."""
    largest = np.abs(x).max(axis=1, initial=0, keepdims=True)
    largest = np.full_like(largest, np.abs(x).max(initial=0)) if tensor else largest
    with np.errstate(all="ignore"):
        multiplier = np.float32(127) / largest
        rounded = np.rint(x * np.where(np.isfinite(multiplier), multiplier, 0).astype(np.float32))
    finite = np.isfinite(largest)
    codes = np.where(finite, np.where(np.isfinite(x), rounded, 0), 0).astype(np.int64)
    step = np.where(finite, largest / np.float32(127), np.float32(np.nan)).astype(np.float32)
    return product_of_codes(codes, step, weight, bias)


def product_of_codes(codes: Integers, step: Floats, weight: Weight, bias: Floats | None) -> Floats:
    """The epilogue: codes [rows, in_features] stand for their multiples of step [rows, 1]."""
    total = np.zeros((codes.shape[0], weight.outputs), np.float32)
    for g in range(weight.scales.shape[1]):
        inside = weight.group_of == g
        doubled = codes[:, inside] @ weight.codes[:, inside].T
        term = (doubled / 2).astype(np.float32) * weight.scales[:, g]
        if weight.shifts is not None:
            sums = codes[:, inside].sum(axis=1, keepdims=True).astype(np.float32)
            term = term - sums * weight.shifts[:, g]
        total = total + term
    with np.errstate(over="ignore"):
        y = total * step
    return y if bias is None else y + bias


@pytest.fixture(params=FORMATS, ids=format_name)
def format(request: pytest.FixtureRequest) -> Format:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def formats() -> tuple[Format, ...]:
    return FORMATS


@pytest.fixture(params=_native.isas())
def isa(request: pytest.FixtureRequest) -> str:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def make_weight() -> Callable[..., Weight]:
    return build


@pytest.fixture
def make_format() -> type[Format]:
    return Format


@pytest.fixture
def pack() -> Callable[[Integers, int], Tensor]:
    return pack_rows


@pytest.fixture
def linear() -> Callable[..., Tensor]:
    return run_linear


@pytest.fixture
def reference() -> Callable[..., Floats]:
    return quantized_product


@pytest.fixture
def product() -> Callable[..., Floats]:
    return product_of_codes
