"""Writes a trained program as a packed file, one tensor at a time."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from qdsl.artifact import bits, container
from qdsl.artifact.layout import Part, range_tensors, storage_tensors
from qdsl.fx.canonical import encode, to_numpy
from qdsl.fx.integer.stored import frozen_tables
from qdsl.fx.numerics.gradient import DTYPES
from qdsl.fx.program import Program
from qdsl.fx.quantizer import QUANTIZER, Quantizer
from qdsl.fx.trained import TrainedLayers
from qdsl.ir.format import F32, FloatGrid
from qdsl.ir.model import Storage, state_key
from qdsl.target import CanonicalWeight


def pack(program: Program, path: Path) -> int:
    """Freezes the program and writes its packed file; returns the bytes.

    A float program is packed with its norms folded and its weights rounded now. Raises QdslError
    where the file cannot be written, or a weight is not finite.
    """
    if isinstance(program.lowering, TrainedLayers) and not program.lowering.quantized:
        program = program.to_qat()
    program.freeze()
    tensors = _Tensors(program)
    return container.write(path, program.ir, tensors.of, choices=program.choices)


def range_constants(program: Program) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Keys and contents of the tensors that hold the frozen static ranges."""
    for _, _, observer in program.ranges():
        scale, zero = observer.scale_and_zero()
        for entry in range_tensors(observer.range):
            if entry.part is Part.SCALES:
                yield entry.key, to_numpy(scale.cpu())
            elif zero is not None:
                codes = zero.cpu().numpy().astype(np.int16).reshape(1, 1)
                yield entry.key, bits.pack_codes(codes, observer.format.grid).reshape(1)
    for key, table in frozen_tables(program):
        yield key, to_numpy(table.cpu())


class _Tensors:
    """Gives the tensors of a file by key; the packed parts of one weight are kept together."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._entries = {
            entry.key: (storage, entry.part)
            for storage in program.ir.storages
            for entry in storage_tensors(storage)
        }
        self._constants = dict(range_constants(program))
        self._last: tuple[str, CanonicalWeight] | None = None

    def of(self, key: str) -> NDArray[np.generic]:
        if key in self._constants:
            return self._constants[key]
        storage, part = self._entries[key]
        if part is Part.FLOAT:
            return to_numpy(self._float(storage))
        weight = self._canonical(storage)
        tensor = {
            Part.CODES: weight.codes,
            Part.SCALES: weight.scales,
            Part.ZEROS: weight.zeros,
            Part.INDEX: weight.index,
            Part.CODEBOOK: weight.codebook,
        }[part]
        assert tensor is not None
        return to_numpy(tensor)

    def _float(self, storage: Storage) -> Tensor:
        grid = storage.format.grid
        assert isinstance(grid, FloatGrid)
        owner = self._program.get_submodule(state_key(storage.module_path))
        value: Tensor = getattr(owner, storage.parameter.name)
        if storage.format != F32:
            value = self._quantizer(storage).quantized().codes
        return value.detach().to(DTYPES[grid.type]).cpu()

    def _canonical(self, storage: Storage) -> CanonicalWeight:
        if self._last is None or self._last[0] != storage.path:
            quantizer = self._quantizer(storage)
            weight = encode(quantizer.quantized(), quantizer.mask, storage.format)
            self._last = storage.path, weight
        return self._last[1]

    def _quantizer(self, storage: Storage) -> Quantizer:
        found = self._program.get_submodule(state_key(storage.path) + QUANTIZER)
        assert isinstance(found, Quantizer)
        return found
