"""Compares what a packed file stores with what a frozen program would store."""

from collections.abc import Iterator

import torch
from torch import Tensor

from qdsl.artifact.container import Artifact
from qdsl.artifact.layout import range_tensors, storage_tensors
from qdsl.fx.canonical import decode, stored_tensor
from qdsl.fx.numerics.gradient import DTYPES
from qdsl.fx.pack import range_constants
from qdsl.fx.packed import canonical
from qdsl.fx.program import Program
from qdsl.fx.quantizer import QUANTIZER, Quantizer
from qdsl.ir.format import F32, FloatGrid
from qdsl.ir.model import Storage, state_key
from qdsl.ir.pattern import NM
from qdsl.ir.ranges import ranges


def codes_equal(program: Program, artifact: Artifact, storage: Storage) -> bool:
    """Whether codes, scales, zeros and mask of a quantized storage are the frozen ones."""
    quantizer, sparse = _quantizer(program, storage), isinstance(storage.format.pattern, NM)
    frozen, read = quantizer.quantized(), decode(canonical(artifact, storage))
    # what is pruned elsewhere is stored as codes
    mask = quantizer.mask.cpu() if sparse and quantizer.mask is not None else None
    codes = frozen.codes.cpu()
    if mask is not None:
        codes = torch.where(mask, codes, 0.0)
    return (
        _equal(codes, read.quantized.codes)
        and _equal(frozen.scale, read.quantized.scale)
        and _equal(frozen.zero, read.quantized.zero)
        and _equal(mask, read.mask)
    )


def stored_otherwise(program: Program, artifact: Artifact) -> tuple[str, ...]:
    """Keys of storages whose content in the file is not the program's, used by an entry or not."""
    storages = (
        state_key(s.path)
        for s in artifact.model.storages
        if not (_float_equal if s.format.is_one_tensor else codes_equal)(program, artifact, s)
    )
    return (*storages, *(key for key, equal in range_tensors_equal(program, artifact) if not equal))


def range_tensors_equal(program: Program, artifact: Artifact) -> Iterator[tuple[str, bool]]:
    """The tensors of static ranges by key, and whether the file has them as they were frozen."""
    for key, constant in range_constants(program):
        yield key, bool((artifact.tensor(key) == constant).all())


def ranges_equal(program: Program, artifact: Artifact, path: str) -> bool:
    """Whether the static ranges of a layer or value are the frozen ones."""
    keys = {
        entry.key
        for range in ranges(program.ir)
        if range.path == path
        for entry in range_tensors(range)
    }
    return all(equal for key, equal in range_tensors_equal(program, artifact) if key in keys)


def _float_equal(program: Program, artifact: Artifact, storage: Storage) -> bool:
    (entry,) = storage_tensors(storage)
    grid = storage.format.grid
    assert isinstance(grid, FloatGrid)
    if storage.format == F32:
        owner = program.get_submodule(state_key(storage.module_path))
        own: Tensor = getattr(owner, storage.parameter.name)
    else:
        own = _quantizer(program, storage).quantized().codes.view(storage.parameter.shape)
    return _equal(own.to(DTYPES[grid.type]), stored_tensor(artifact, entry.key, entry.dtype))


def _quantizer(program: Program, storage: Storage) -> Quantizer:
    found = program.get_submodule(state_key(storage.path) + QUANTIZER)
    assert isinstance(found, Quantizer)
    return found


def _equal(a: Tensor | None, b: Tensor | None) -> bool:
    if a is None or b is None:
        return a is b
    return torch.equal(a.detach().cpu(), b.cpu())
