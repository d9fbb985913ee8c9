"""Draws packed weights and the tables that they are packed from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from qdsl_cpu import operations
from qdsl_cpu.weights import Kind, ZeroKind, repack

Array = npt.NDArray[Any]
Arrays = dict[str, Array]
Random = np.random.RandomState  # its numbers are the same for ever

KINDS = ("integer", "ternary", "binary", "codebook")
ZEROS = ("none", "int", "float")
TYPES = (torch.float32, torch.float16, torch.bfloat16)


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
    type: torch.dtype = torch.float32  # of the scales, and of floating zeros

    def __str__(self) -> str:
        words = [f"{'' if self.signed else 'u'}{self.kind}{self.bits}", f"group{self.group}"]
        words += ["half"] * self.half + [f"{self.zero}-zero"] * (self.zero != "none")
        words += [f"{self.pattern[0]}:{self.pattern[1]}"] if self.pattern else []
        words += [] if self.type is torch.float32 else [str(self.type).removeprefix("torch.")]
        return " ".join(words)

    @property
    def ends(self) -> tuple[int, int]:
        """The smallest and the largest code."""
        if self.kind == "codebook":
            return 0, 2**self.bits - 1
        if self.kind != "integer":
            return -1, 1
        low = -(2 ** (self.bits - 1)) if self.signed else 0
        return low, low + 2**self.bits - 1


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
    scales = stored(np.float32(scale) * floats(rng, outputs, groups, low=0.1), format.type)
    shifts = stored(floats(rng, outputs, groups), format.type)
    tables = {"codes": pack_rows((q > 0) if format.kind == "binary" else q, format.bits)}
    tables["scales"] = scales
    if format.pattern:
        period = format.pattern[1]
        tables["index"] = pack_rows(at % period, (period - 1).bit_length())
    if format.zero == "int":
        tables["zeros"] = pack_rows(z, format.bits)
    if format.zero == "float":
        tables["shifts"] = shifts
    if format.kind == "codebook":
        tables["values"] = np.sort(floats(rng, 2**format.bits))
    numbers = (outputs, in_features, format.group, KINDS.index(format.kind), format.bits)
    more = (format.signed, format.half, ZEROS.index(format.zero), *(format.pattern or (0, 0)))
    types = (TYPES.index(format.type),) * 2
    packed = packed_weight(format, outputs, in_features, tables, format.zero)
    plain: ZeroKind = "none" if format.zero == "float" else format.zero
    unshifted = packed_weight(format, outputs, in_features, tables, plain)
    magnitude = operations.dequantize(unshifted, outputs, in_features).abs().double().numpy()
    if format.zero == "float":
        group_of = np.arange(in_features) // (format.group or in_features)
        magnitude = magnitude + tensor(shifts, format.type).abs().double().numpy()[:, group_of]
    tables["numbers"] = np.array([*numbers, *more, *types], np.int64)
    return Weight(packed, tables, magnitude, groups)


def stored(numbers: Array, type: torch.dtype) -> Array:
    """Of two bytes as int16."""
    found = torch.from_numpy(numbers).to(type)
    return found.numpy() if type is torch.float32 else found.view(torch.int16).numpy()


def tensor(table: Array, type: torch.dtype) -> Tensor:
    """What `stored` was made of."""
    return torch.from_numpy(table).view(type)


def packed_weight(
    format: Format, outputs: int, in_features: int, tables: Arrays, zero: ZeroKind
) -> Tensor:
    shifts = tables.get("shifts")
    zeros = tables.get("zeros") if zero == "int" else None
    index, values = tables.get("index"), tables.get("values")
    floating = tensor(shifts, format.type) if zero == "float" and shifts is not None else None
    return repack(
        torch.from_numpy(tables["codes"]),
        tensor(tables["scales"], format.type),
        floating if zeros is None else torch.from_numpy(zeros),
        None if index is None else torch.from_numpy(index),
        None if values is None else torch.from_numpy(values),
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
