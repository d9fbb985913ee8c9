"""Loads a packed file as a program over the operations of a back end."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from qdsl.artifact import bits, container
from qdsl.artifact.container import Artifact
from qdsl.artifact.layout import Part, range_tensors, storage_tensors
from qdsl.diagnostic.model import QdslError
from qdsl.fx.canonical import decode, stored_tensor, stored_view
from qdsl.fx.integer.stored import add_integers
from qdsl.fx.observer import FixedRange
from qdsl.fx.ops import backend
from qdsl.fx.packed_layers import PackedLayers
from qdsl.fx.program import Program
from qdsl.fx.ranges import places
from qdsl.fx.storages import Storages
from qdsl.fx.tree import build_tree
from qdsl.ir.model import Storage
from qdsl.ir.ranges import Range, ranges
from qdsl.plan import unserved
from qdsl.target import FUSED, REFERENCE, Backend, CanonicalWeight, device_of


def load(path: Path | str, backend: str = "cpu", device: str | None = None) -> Program:
    """The program of a packed file; its weights stay packed, as the back end wants them.

    They are put on `device` (`cuda:1`), without it where the back end's kernels are. Raises
    QdslError: Q6xx for a file that is not sound, Q502 and Q503 for a back end that is not there,
    Q510 for layers that it cannot run.
    """
    return program_of(container.read(Path(path)), backend, device)


def program_of(artifact: Artifact, name: str, device: str | None = None) -> Program:
    """The program of an artifact on the back end of that name; see `load`."""
    runner = backend(name)
    if found := unserved(artifact.model, runner):
        raise QdslError(found)
    place = device or device_of(runner)
    tree = build_tree(artifact.model, lambda s: _buffer(artifact, s, runner).to(place))
    for range in ranges(artifact.model):
        owner, attribute = places(artifact.model)[range.path, range.name]
        tree.get_submodule(owner).add_module(attribute, _range(artifact, range))
    add_integers(tree, artifact)
    overload = REFERENCE if name == REFERENCE else "default"
    fuses = any(c.operation == FUSED for c in runner.capabilities())
    layers = PackedLayers(Storages(artifact.model), overload, fuses=fuses)
    return Program(tree, artifact.model, layers).eval().to(place)


def canonical(artifact: Artifact, storage: Storage) -> CanonicalWeight:
    """A storage of parts as the artifact has it; floats have no scales, [0, 0].

    Its tensors are those of the mapped file, which may not be written to.
    """
    parts = {e.part: stored_view(artifact, e.key, e.dtype) for e in storage_tensors(storage)}
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


def _range(artifact: Artifact, range: Range) -> FixedRange:
    scale, *zeros = (stored_tensor(artifact, e.key, e.dtype) for e in range_tensors(range))
    codes = [bits.unpack_codes(z.view(1, 1).numpy(), range.format.grid, 1) for z in zeros]
    zero = torch.from_numpy(codes[0].astype(np.float32)).view(1) if codes else None
    return FixedRange(scale, zero)


def _buffer(artifact: Artifact, storage: Storage, runner: Backend) -> Tensor:
    entries = storage_tensors(storage)
    if storage.format.is_one_tensor:
        buffer = stored_tensor(artifact, entries[0].key, entries[0].dtype)
    elif storage.format.is_float:
        weight = decode(canonical(artifact, storage))
        buffer = weight.quantized.codes.view(storage.parameter.shape)
    else:
        buffer = runner.repack(canonical(artifact, storage))
    artifact.release(e.key for e in entries)  # the pages are not needed again
    return buffer
