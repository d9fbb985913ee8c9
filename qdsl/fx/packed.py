"""Loads a packed file as a program over the operations of a back end."""

import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from qdsl.artifact import bits, container
from qdsl.artifact.container import Artifact
from qdsl.artifact.layout import Part, range_tensors, storage_tensors
from qdsl.diagnostic.model import QdslError
from qdsl.fx.canonical import decode, to_numpy
from qdsl.fx.integer.stored import add_integers
from qdsl.fx.observer import FixedRange
from qdsl.fx.ops import backend
from qdsl.fx.packed_layers import PackedLayers
from qdsl.fx.program import Program
from qdsl.fx.ranges import places
from qdsl.fx.reference import BACKEND
from qdsl.fx.storages import Storages
from qdsl.fx.tree import build_tree
from qdsl.ir.model import Arithmetic, Storage
from qdsl.ir.ranges import Range, ranges
from qdsl.plan import unserved
from qdsl.target import REFERENCE, Backend, CanonicalWeight

_DTYPES = {
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "U8": torch.uint8,
}


def load(path: Path | str, backend: str = "cpu") -> Program:
    """The program of a packed file; its weights stay packed, as the back end wants them.

    Raises QdslError: Q6xx for a file that is not sound, Q502 and Q503 for a back end that is not
    there, Q510 for layers that it cannot run.
    """
    return program_of(container.read(Path(path)), backend)


def program_of(artifact: Artifact, name: str) -> Program:
    """The program of an artifact on the back end of that name."""
    runner = backend(name)
    if artifact.model.arithmetic is Arithmetic.INTEGER:
        runner = BACKEND  # its layout is what the operations on integers read
    if found := unserved(artifact.model, runner):
        raise QdslError(found)
    tree = build_tree(artifact.model, lambda storage: _buffer(artifact, storage, runner))
    for range in ranges(artifact.model):
        owner, attribute = places(artifact.model)[range.path, range.name]
        tree.get_submodule(owner).add_module(attribute, _range(artifact, range))
    add_integers(tree, artifact)
    overload = REFERENCE if name == REFERENCE else "default"
    layers = PackedLayers(Storages(artifact.model), overload)
    return Program(tree, artifact.model, layers).eval()


def canonical(artifact: Artifact, storage: Storage) -> CanonicalWeight:
    """A storage of parts as the artifact has it; floats have no scales, [0, 0].

    Its tensors are those of the mapped file, which may not be written to.
    """
    parts = {e.part: _view(artifact, e.key, e.dtype) for e in storage_tensors(storage)}
    outputs, in_features = storage.parameter.matrix
    return CanonicalWeight(
        format=storage.format,
        outputs=outputs,
        in_features=in_features,
        codes=parts[Part.CODES],
        scales=parts.get(Part.SCALES, torch.empty(0, 0)),
        zeros=parts.get(Part.ZEROS),
        index=parts.get(Part.INDEX),
        codebook=parts.get(Part.CODEBOOK),
    )


def to_torch(artifact: Artifact, key: str, dtype: str) -> Tensor:
    """A copy of a tensor of the file."""
    array = artifact.tensor(key)
    # in memory of torch, whose alignment decides how some float products are summed
    tensor = torch.empty(array.shape, dtype=_DTYPES[dtype])
    to_numpy(tensor)[...] = array
    return tensor


def _view(artifact: Artifact, key: str, dtype: str) -> Tensor:
    """A tensor of the file where it lies."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(artifact.tensor(key)).view(_DTYPES[dtype])


def _range(artifact: Artifact, range: Range) -> FixedRange:
    scale, *zeros = (to_torch(artifact, e.key, e.dtype) for e in range_tensors(range))
    codes = [bits.unpack_codes(z.view(1, 1).numpy(), range.format.grid, 1) for z in zeros]
    zero = torch.from_numpy(codes[0].astype(np.float32)).view(1) if codes else None
    return FixedRange(scale, zero)


def _buffer(artifact: Artifact, storage: Storage, runner: Backend) -> Tensor:
    entries = storage_tensors(storage)
    if storage.format.is_one_tensor:
        buffer = to_torch(artifact, entries[0].key, entries[0].dtype)
    elif storage.format.is_float:
        weight = decode(canonical(artifact, storage))
        buffer = weight.quantized.codes.view(storage.parameter.shape)
    else:
        buffer = runner.repack(canonical(artifact, storage))
    artifact.release(e.key for e in entries)  # the pages are not needed again
    return buffer
