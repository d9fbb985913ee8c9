"""Says what files hold of integer arithmetic beside weights and ranges, and reads it back."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from qdsl.artifact.container import Artifact
from qdsl.artifact.layout import Part, storage_tensors, table_tensor
from qdsl.fx.canonical import stored_tensor, to_numpy
from qdsl.fx.integer.packed import add_constants, table_name
from qdsl.fx.integer.training import make_table, times
from qdsl.fx.observer import FixedRange, Observer
from qdsl.fx.ranges import places
from qdsl.ir.integer import Fixed, Observed, Scale, Times, tables
from qdsl.ir.model import Arithmetic, Model, Storage, join

if TYPE_CHECKING:
    from qdsl.fx.program import Program


def frozen_tables(program: "Program") -> Iterator[tuple[str, Tensor]]:
    """Keys and contents, u8 [256], of the tables of a program whose ranges are frozen."""
    for table in tables(program.ir):
        argument = _resolved(program, program.ir, table.argument)
        result = None if table.result is None else _resolved(program, program.ir, table.result)
        yield table_tensor(table).key, make_table(table.function, argument, result)


def add_integers(tree: nn.Module, artifact: Artifact) -> None:
    """Gives a tree of packed weights and ranges the tables and constants of integer arithmetic."""
    model = artifact.model
    if model.arithmetic is not Arithmetic.INTEGER:
        return
    for table in tables(model):
        entries = torch.empty(256, dtype=torch.uint8)
        to_numpy(entries)[...] = artifact.tensor(table_tensor(table).key)
        tree.register_buffer(table_name(table), entries)
    observed = partial(_observed, tree, model)
    add_constants(tree, model, observed, partial(_weight_scales, artifact))


def _weight_scales(artifact: Artifact, storage: Storage) -> Tensor:
    """f64 [N, G] of a weight."""
    (entry,) = (e for e in storage_tensors(storage) if e.part is Part.SCALES)
    scales = stored_tensor(artifact, entry.key, entry.dtype).double()
    return scales.expand(storage.parameter.matrix[0], -1)


def _observed(tree: nn.Module, model: Model, scale: Observed) -> Tensor:
    found = tree.get_submodule(join(*places(model)[scale.path, scale.name]))
    if isinstance(found, Observer):
        return found.scale_and_zero()[0].detach().view(())
    assert isinstance(found, FixedRange)
    return found.scale.view(())


def _resolved(tree: nn.Module, model: Model, scale: Scale) -> Tensor:
    match scale:
        case Observed():
            return _observed(tree, model, scale)
        case Fixed(number):
            return torch.tensor(number, dtype=torch.float32)
        case Times(inner, factor):
            return times(_resolved(tree, model, inner), factor)
