"""Products of many rows of int8 with 2:4 by the sparse instructions of matrix units, through torch.

They read codes that are compressed in a way of their own: a copy of 5 bits a weight, which is made
when such a product is first asked for, and lives as long as the weight. So it is never the usual
way, but one that a tuner may find. Only sums of int8 come back exact: those of 16-bit floats would
be rounded to 16 bits before their scale.
"""

from collections.abc import MutableMapping

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.utils.weak import WeakIdKeyDictionary

from qdsl_gpu import streams
from qdsl_gpu.unpacked import byte_slabs
from qdsl_gpu.weights import Packed

_ROWS = 16  # of x are a multiple

# by the words that were compressed: once for each weight
_KNOWN: MutableMapping[Tensor, Tensor] = WeakIdKeyDictionary()


def is_available() -> bool:
    """Whether this torch and its device can."""
    return torch.backends.cusparselt.is_available()


def sums(x: Tensor, weight: Packed) -> Tensor:
    """Σ x · (u - centre) i32 [M, rows], for codes x i8 [M, columns] as `round_rows` orders them."""
    tokens = x.shape[0]
    x = pad(_in_order(x), (0, 0, 0, -tokens % _ROWS))
    return multiply(_compressed(weight), x)[:tokens]


def _in_order(codes: Tensor) -> Tensor:
    """Codes at their places → by columns, where the four of a quad stand together: a copy."""
    # of 128, place 64k + 2c + e is column 4c + 2k + e
    return codes.view(len(codes), -1, 2, 32, 2).transpose(2, 3).reshape(codes.shape)


def _compressed(weight: Packed) -> Tensor:
    found = _KNOWN.get(weight.words)
    if found is None:
        slabs = byte_slabs(weight, is_tiled=False, is_centred=True)
        codes = torch.cat([_in_order(slab.codes) for slab in slabs])
        found = compress(codes)
        if not streams.is_captured(found.device):  # what a graph makes is there once it is replayed
            streams.settle(found.device)
            _KNOWN[weight.words] = found
    return found


def compress(codes: Tensor) -> Tensor:
    """Codes i8 [rows, columns], of each four at most two other than 0, as `multiply` takes them."""
    return torch._cslt_compress(codes)


def multiply(weight: Tensor, x: Tensor) -> Tensor:
    """x · wᵀ i32 [M, rows] of a compressed weight and x i8 [M, columns]."""
    return torch._cslt_sparse_mm(weight, x.t(), out_dtype=torch.int32, transpose_result=True)
