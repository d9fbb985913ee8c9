"""Sums the codes of a weight by group: what static ranges that do not fit int8 are corrected by."""

from collections.abc import MutableMapping

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from qdsl_gpu import streams
from qdsl_gpu.layout import PLANE, Layout
from qdsl_gpu.unpacked import byte_slabs
from qdsl_gpu.weights import Packed

# by the words that were summed: once for each weight
_KNOWN: MutableMapping[Tensor, Tensor] = WeakIdKeyDictionary()


def code_sums(weight: Packed) -> Tensor:
    """Σ u of each group, of 8 bits Σ (u - 128), without padding: i32 [slots, rows]."""
    found = _KNOWN.get(weight.words)
    if found is None:
        found = _summed(weight)
        if not streams.is_captured(found.device):  # what a graph makes is there once it is replayed
            streams.settle(found.device)
            _KNOWN[weight.words] = found
    return found


def _summed(weight: Packed) -> Tensor:
    layout, found = weight.layout, []
    for slab in byte_slabs(weight, is_tiled=False):
        codes = slab.codes
        if layout.span == PLANE:
            # places of two groups are in turn
            codes = codes.view(slab.count, -1, PLANE, 2).transpose(2, 3)
        codes = codes.reshape(slab.count, layout.slots, -1)
        found.append(codes.sum(-1, dtype=torch.int32))
    sums = torch.cat(found)
    # what the words hold in columns that are none
    each = -128 if layout.bits == 8 else layout.padding
    if each:
        padding = [-each * n for n in _padding(layout)]
        sums += torch.tensor(padding, dtype=torch.int32, device=sums.device)
    return sums.t().contiguous()


def _padding(layout: Layout) -> list[int]:
    """Columns of each slot that are none of the weight."""
    width, group = layout.columns // layout.slots, layout.group or layout.in_features
    return [
        width - max(0, min(group, layout.in_features - slot * group))
        for slot in range(layout.slots)
    ]
