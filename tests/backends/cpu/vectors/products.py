"""Makes the cases of packed weights: products, recurrences, rows of tables."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from qdsl_cpu import operations
from qdsl_cpu.weights import Kind, ZeroKind, repack

Array = npt.NDArray[Any]
Arrays = dict[str, Array]
Random = np.random.RandomState  # its numbers are the same for ever

KINDS = ("integer", "ternary", "binary")
ZEROS = ("none", "int", "float")
SHAPE = (21, 67)  # neither is a multiple of anything that a kernel takes at once


@dataclass(frozen=True, slots=True)
class Format:
    """What the kernels know of a number format; group 0 is the row, pattern N:M."""

    kind: Kind = "integer"
    bits: int = 4
    signed: bool = True
    half: bool = False
    zero: ZeroKind = "none"
    group: int = 0
    pattern: tuple[int, int] | None = None

    def __str__(self) -> str:
        words = [f"{'' if self.signed else 'u'}{self.kind}{self.bits}", f"group{self.group}"]
        words += ["half"] * self.half + [f"{self.zero}-zero"] * (self.zero != "none")
        words += [f"{self.pattern[0]}:{self.pattern[1]}"] if self.pattern else []
        return " ".join(words)

    @property
    def ends(self) -> tuple[int, int]:
        """The smallest and the largest code."""
        if self.kind != "integer":
            return -1, 1
        low = -(2 ** (self.bits - 1)) if self.signed else 0
        return low, low + 2**self.bits - 1


FORMATS = (
    *(Format(bits=bits) for bits in (2, 3, 4, 5, 6, 7, 8)),
    *(Format(bits=bits, signed=False, zero="int") for bits in (2, 4, 8)),
    *(Format(bits=bits, zero="int", group=16) for bits in (2, 3, 5, 8)),
    *(Format(bits=bits, signed=False, zero="float", group=24) for bits in (2, 4, 6, 8)),
    *(Format(bits=bits, half=True, group=32) for bits in (2, 3, 7)),
    *(Format(group=group) for group in (3, 8, 32, 64)),
    *(Format(kind="ternary", bits=2, group=group) for group in (0, 32)),
    *(Format(kind="binary", bits=1, group=group) for group in (0, 40)),
    Format(kind="ternary", bits=2, group=64, pattern=(2, 4)),
    Format(kind="binary", bits=1, group=32, pattern=(1, 4)),
    Format(group=32, pattern=(2, 4)),
    Format(bits=2, zero="int", group=12, pattern=(1, 3)),
    Format(bits=8, group=64, pattern=(4, 16)),
    Format(bits=3, signed=False, zero="int", group=10, pattern=(3, 5)),
)
SEVERAL = (Format(group=32), Format(bits=8), Format(kind="binary", bits=1), Format(bits=2, group=8))


@dataclass(frozen=True, slots=True)
class Weight:
    """A packed weight, the tables that it was packed from, and |w| [outputs, K], zeros apart."""

    packed: Tensor
    tables: Arrays
    magnitude: Array
    groups: int

    def arrays(self, prefix: str) -> Arrays:
        return {f"{prefix}.{name}": table for name, table in self.tables.items()}


def pack_rows(fields: Array, bits: int) -> Array:
    """uint8 [rows, row bytes]: b bits a field, little-endian, each row begun on a byte."""
    rows, count = fields.shape
    planes = (fields[:, :, None] >> np.arange(bits)) & 1
    return np.packbits(planes.reshape(rows, count * bits).astype(np.uint8), 1, bitorder="little")


def kept(rng: Random, format: Format, outputs: int, in_features: int) -> Array:
    """Ascending kept positions [outputs, kept]."""
    if format.pattern is None:
        return np.tile(np.arange(in_features), (outputs, 1))
    keep, period = format.pattern
    parts = []
    for start in range(0, in_features, period):
        size = min(period, in_features - start)
        order = np.argsort(rng.random_sample((outputs, size)), axis=1, kind="stable")
        parts.append(np.sort(order[:, : min(keep, size)], axis=1) + start)
    return np.concatenate(parts, axis=1)


def integers(rng: Random, format: Format, shape: tuple[int, ...], extreme: bool) -> Array:
    low, high = format.ends
    if extreme or format.kind == "binary":
        return np.where(rng.random_sample(shape) < 0.5, low, high)
    return rng.randint(low, high + 1, shape)


def floats(rng: Random, *shape: int, low: float = -1.0) -> Array:
    return rng.uniform(low, 1.0, shape).astype(np.float32)


def weight(
    rng: Random,
    format: Format,
    outputs: int,
    in_features: int,
    *,
    extreme: bool = False,
    scale: float = 1.0,
) -> Weight:
    """Of random codes, or of the ends of their range only."""
    groups = -(-in_features // format.group) if format.group else 1
    at = kept(rng, format, outputs, in_features)
    q = integers(rng, format, at.shape, extreme)
    z = integers(rng, format, (outputs, groups), extreme)
    scales = np.float32(scale) * floats(rng, outputs, groups, low=0.1)
    shifts = floats(rng, outputs, groups)
    tables = {"codes": pack_rows((q > 0) if format.kind == "binary" else q, format.bits)}
    tables["scales"] = scales
    if format.pattern:
        period = format.pattern[1]
        tables["index"] = pack_rows(at % period, (period - 1).bit_length())
    if format.zero == "int":
        tables["zeros"] = pack_rows(z, format.bits)
    if format.zero == "float":
        tables["shifts"] = shifts
    numbers = (outputs, in_features, format.group, KINDS.index(format.kind), format.bits)
    more = (format.signed, format.half, ZEROS.index(format.zero), *(format.pattern or (0, 0)), 0, 0)
    packed = packed_weight(format, outputs, in_features, tables, format.zero)
    plain = "none" if format.zero == "float" else format.zero
    unshifted = packed_weight(format, outputs, in_features, tables, plain)
    magnitude = operations.dequantize(unshifted, outputs, in_features).abs().double().numpy()
    if format.zero == "float":
        group_of = np.arange(in_features) // (format.group or in_features)
        magnitude = magnitude + np.abs(shifts.astype(np.float64))[:, group_of]
    tables["numbers"] = np.array([*numbers, *more], np.int64)
    return Weight(packed, tables, magnitude, groups)


def packed_weight(
    format: Format, outputs: int, in_features: int, tables: Arrays, zero: ZeroKind
) -> Tensor:
    zeros = {"none": None, "int": tables.get("zeros"), "float": tables.get("shifts")}[zero]
    index = tables.get("index")
    return repack(
        torch.from_numpy(tables["codes"]),
        torch.from_numpy(tables["scales"]),
        None if zeros is None else torch.from_numpy(zeros),
        None if index is None else torch.from_numpy(index),
        kind=format.kind,
        bits=format.bits,
        signed=format.signed,
        half=format.half,
        outputs=outputs,
        in_features=in_features,
        group=format.group,
        zero=zero,
        pattern=format.pattern,
    )


Mode = Literal["f32", "int8_token", "int8_tensor"]


def product(w: Weight, x: Array, bias: Array, modes: tuple[Mode, ...]) -> Arrays:
    """The arrays of a linear case; float results come with (G + 4) * 2^-24 * sum |x w|."""
    arrays = {"x": x, "bias": bias, **w.arrays("weight")}
    for mode in modes:
        y = operations.linear(
            torch.from_numpy(x)[None], w.packed, torch.from_numpy(bias), len(bias), mode
        )
        arrays[mode] = y[0].numpy()
    if "f32" in modes:
        size = np.abs(x).astype(np.float64) @ w.magnitude.T + np.abs(bias)
        arrays["f32.bound"] = ((w.groups + 4) * 2.0**-24 * size).astype(np.float32)
    return arrays


def special(in_features: int) -> Array:
    """Rows of ties, zeros, NaN, infinities, denormals, the largest numbers, and halves of both."""
    x = np.tile(np.arange(in_features, dtype=np.float32) - 20.5, (7, 1))
    x[0, 0] = 127.0  # so that the scale is 1 and all others are ties
    x[1] = 0.0
    x[2, 5] = np.nan
    x[3, 7], x[3, 8] = np.inf, -np.inf
    x[4] *= np.float32(1e-44)
    x[5] *= np.float32(1e36)
    x[6] = np.where(x[6] < 0, np.float32(-3), np.float32(3))  # all codes are +-127
    return x


def linear_cases() -> Iterator[tuple[str, Arrays]]:
    everything: tuple[Mode, ...] = ("f32", "int8_token", "int8_tensor")
    for seed, format in enumerate(FORMATS):
        rng = Random(seed)
        outputs, in_features = SHAPE
        w = weight(rng, format, outputs, in_features)
        x = floats(rng, 2, in_features)
        yield str(format), product(w, x, floats(rng, outputs), ("f32", "int8_token"))
    for format in SEVERAL:
        rng = Random(100)
        for outputs, in_features in ((1, 1), (3, 5), (17, 33), (16, 32)):
            w = weight(rng, format, outputs, in_features)
            x = floats(rng, 3, in_features)
            name = f"{format} {outputs}x{in_features}"
            yield name, product(w, x, floats(rng, outputs), everything)
        for outputs, in_features, rows in ((18, 35, 33), (81, 35, 3), (5, 300, 2)):
            w = weight(rng, format, outputs, in_features)
            x = floats(rng, rows, in_features)
            name = f"{format} {outputs}x{in_features}"
            yield name, product(w, x, floats(rng, outputs), ("int8_token",))
    for format in (*SEVERAL, *FORMATS[2:14:2], Format(bits=8, signed=False, zero="int", group=32)):
        rng = Random(200)
        w = weight(rng, format, 18, 39, extreme=True)
        x = special(39)
        yield f"{format} extremes", product(w, x, floats(rng, 18), ("int8_token",))


def lstm_case(format: Format, state: Literal["f32", "int8_token"], projected: int) -> Arrays:
    """4 steps of 2 examples; results of float products may be off by 1e-5."""
    rng = Random(300)
    hidden = 21
    size = projected or hidden
    recurrent = weight(rng, format, 4 * hidden, size, scale=0.02)
    projection = weight(rng, Format(bits=8), size, hidden, scale=0.002) if projected else None
    gates, h, c = floats(rng, 4, 2, 4 * hidden), floats(rng, 2, size), floats(rng, 2, hidden)
    results = operations.lstm(
        torch.from_numpy(3 * gates),
        torch.from_numpy(h),
        torch.from_numpy(c),
        recurrent.packed,
        projection.packed if projection else None,
        state,
    )
    arrays = {"gates": 3 * gates, "h": h, "c": c, **recurrent.arrays("recurrent")}
    arrays |= projection.arrays("projection") if projection else {}
    arrays["state"] = np.array(["f32", "int8_token"].index(state), np.int64)
    for name, result in zip(("outputs", "last_h", "last_c"), results, strict=True):
        arrays[name] = result.numpy()
        if state == "f32":
            arrays[f"{name}.bound"] = np.full(result.shape, 1e-5, np.float32)
    return arrays


def recurrent_cases() -> Iterator[tuple[str, Arrays]]:
    yield "int8", lstm_case(Format(group=8), "int8_token", 0)
    yield "int8, with a projection", lstm_case(Format(bits=8), "int8_token", 13)
    yield "f32, with a projection", lstm_case(Format(group=8), "f32", 13)


def embedding_cases() -> Iterator[tuple[str, Arrays]]:
    for seed, format in enumerate(FORMATS[::5]):
        rng = Random(400 + seed)
        w = weight(rng, format, 11, 37)
        ids = np.array([0, 10, 7, 7], np.int64)
        rows = operations.embedding(torch.from_numpy(ids), w.packed, 37).numpy()
        dense = operations.dequantize(w.packed, 11, 37).numpy()
        yield str(format), {"ids": ids, "rows": rows, "dense": dense, **w.arrays("weight")}
