"""Compares what a packed file stores with what a frozen program would store."""

import torch
from torch import Tensor

from qdsl.artifact.container import Artifact
from qdsl.artifact.layout import storage_tensors
from qdsl.fx.canonical import decode
from qdsl.fx.numerics.gradient import DTYPES
from qdsl.fx.packed import canonical, to_torch
from qdsl.fx.program import Program
from qdsl.fx.quantizer import QUANTIZER, Quantizer
from qdsl.ir.format import F32, FloatGrid
from qdsl.ir.model import Storage, state_key


def codes_equal(program: Program, artifact: Artifact, storage: Storage) -> bool:
    """Whether codes, scales, zeros and mask of a quantized storage are the frozen ones."""
    quantizer = _quantizer(program, storage)
    frozen, read = quantizer.quantized(), decode(canonical(artifact, storage))
    mask = None if quantizer.mask is None else quantizer.mask.cpu()
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
    return tuple(
        state_key(s.path)
        for s in artifact.model.storages
        if not (_float_equal if s.format.is_float else codes_equal)(program, artifact, s)
    )


def _float_equal(program: Program, artifact: Artifact, storage: Storage) -> bool:
    (entry,) = storage_tensors(storage)
    grid = storage.format.grid
    assert isinstance(grid, FloatGrid)
    if storage.format == F32:
        owner = program.get_submodule(state_key(storage.module_path))
        own: Tensor = getattr(owner, storage.parameter.name)
    else:
        own = _quantizer(program, storage).quantized().codes.view(storage.parameter.shape)
    return _equal(own.to(DTYPES[grid.type]), to_torch(artifact, entry.key, entry.dtype))


def _quantizer(program: Program, storage: Storage) -> Quantizer:
    found = program.get_submodule(state_key(storage.path) + QUANTIZER)
    assert isinstance(found, Quantizer)
    return found


def _equal(a: Tensor | None, b: Tensor | None) -> bool:
    if a is None or b is None:
        return a is b
    return torch.equal(a.detach().cpu(), b.cpu())
