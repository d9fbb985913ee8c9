"""Converts between codes and the bytes an artifact stores for a weight."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qdsl.artifact import bits
from qdsl.artifact.container import Artifact
from qdsl.fx.numerics import Quantized
from qdsl.fx.numerics.gradient import DTYPES
from qdsl.ir.format import FloatGrid, FloatZero, Grid, IntegerGrid, IntegerZero, WeightFormat
from qdsl.ir.pattern import NM
from qdsl.target import CanonicalWeight

_DTYPES = {
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "U8": torch.uint8,
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a canonical weight says: codes with scale and zero, and its mask where it is sparse."""

    quantized: Quantized
    mask: Tensor | None


def encode(quantized: Quantized, mask: Tensor | None, format: WeightFormat) -> CanonicalWeight:
    """The bytes of a weight that is more than one float tensor; they are on the processor."""
    grid, pattern = format.grid, format.pattern
    codes = _stored(quantized.codes.detach().cpu(), grid)
    outputs, in_features = codes.shape
    index = None
    if isinstance(pattern, NM):
        if mask is None:
            raise ValueError(f"a weight with `sparse {pattern}` has no mask")
        positions = bits.positions(mask.cpu().numpy(), pattern)
        codes = bits.gather(codes, positions, pattern)
        index = torch.from_numpy(bits.pack_index(positions, pattern))
    return CanonicalWeight(
        format=format,
        outputs=outputs,
        in_features=in_features,
        codes=_packed(codes, grid),
        scales=quantized.scale.detach().cpu().to(DTYPES[format.scale]),
        zeros=_zeros(quantized.zero, format),
        index=index,
        codebook=None if quantized.codebook is None else quantized.codebook.detach().cpu(),
    )


def decode(weight: CanonicalWeight) -> Decoded:
    """The inverse of `encode`; codes of pruned weights are 0."""
    format, grid, pattern = weight.format, weight.format.grid, weight.format.pattern
    mask = None
    if isinstance(pattern, NM) and weight.index is not None:
        count = weight.in_features // pattern.group * pattern.kept
        positions = bits.unpack_index(weight.index.numpy(), pattern, count)
        codes = bits.scatter(_unpacked(weight.codes, grid, count), positions, pattern)
        mask = torch.from_numpy(bits.scatter(np.ones_like(positions), positions, pattern) != 0)
    else:
        codes = _unpacked(weight.codes, grid, weight.in_features)
    scale = weight.scales.to(torch.float32)
    zero = None
    if weight.zeros is not None and isinstance(grid, IntegerGrid):
        if isinstance(format.zero, IntegerZero):
            zeros = bits.unpack_codes(weight.zeros.numpy(), grid, scale.shape[1])
            zero = torch.from_numpy(zeros.astype(np.float32))
        else:
            zero = weight.zeros.to(torch.float32)
    values = torch.from_numpy(codes.astype(np.float32))
    return Decoded(Quantized(values, scale, zero, weight.codebook), mask)


def _stored(codes: Tensor, grid: Grid) -> NDArray[np.generic]:
    """Codes as integers, or the floats as they are stored (bf16 as u16)."""
    if isinstance(grid, FloatGrid):
        return to_numpy(codes.to(DTYPES[grid.type]))
    integers: NDArray[np.int16] = codes.numpy().astype(np.int16)
    return integers


def _packed(codes: NDArray[Any], grid: Grid) -> Tensor:
    """The tensor of the file, of codes [outputs, kept]."""
    if isinstance(grid, FloatGrid):
        return torch.from_numpy(codes).view(DTYPES[grid.type])
    return torch.from_numpy(bits.pack_codes(codes, grid))


def _unpacked(codes: Tensor, grid: Grid, count: int) -> NDArray[Any]:
    """The inverse: i16 or f32 [outputs, kept]."""
    if isinstance(grid, FloatGrid):
        floats: NDArray[np.float32] = codes.to(torch.float32).numpy()
        return floats
    return bits.unpack_codes(codes.numpy(), grid, count)


def _zeros(zero: Tensor | None, format: WeightFormat) -> Tensor | None:
    if zero is None:
        return None
    values = zero.detach().cpu()
    if isinstance(format.zero, FloatZero):
        return values.to(DTYPES[format.zero.type])
    assert isinstance(format.grid, IntegerGrid)
    return torch.from_numpy(bits.pack_codes(values.numpy().astype(np.int16), format.grid))


def stored_tensor(artifact: Artifact, key: str, dtype: str) -> Tensor:
    """A copy of a tensor of the file; `dtype` in the words of the container."""
    array = artifact.tensor(key)
    # in memory of torch, whose alignment decides how some float products are summed
    tensor = torch.empty(array.shape, dtype=_DTYPES[dtype])
    to_numpy(tensor)[...] = array
    return tensor


def stored_view(artifact: Artifact, key: str, dtype: str) -> Tensor:
    """The same where it lies in the mapped file, which may not be written to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(artifact.tensor(key)).view(_DTYPES[dtype])


def to_numpy(tensor: Tensor) -> NDArray[np.generic]:
    """The same bytes; bf16, which numpy lacks, as u16."""
    if tensor.dtype is torch.bfloat16:
        tensor = tensor.view(torch.uint16)
    array: NDArray[np.generic] = tensor.contiguous().numpy()
    return array
