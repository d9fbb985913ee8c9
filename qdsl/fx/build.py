"""Makes the float program of a model."""

from collections.abc import Mapping

from qdsl.fx.initialise import initialise
from qdsl.fx.program import Program
from qdsl.fx.storages import Storages
from qdsl.fx.trained import TrainedLayers
from qdsl.fx.tree import build_tree, empty
from qdsl.ir.model import Model


def build(
    model: Model,
    *,
    packed: Model | None = None,
    seed: int = 0,
    choices: Mapping[str, str] | None = None,
) -> Program:
    """The program to train in float, with initial values.

    `model` is what it computes, with norms as they were written; `packed` is the same model after
    the passes, which its QAT program and its file are made from, where there is a difference;
    `choices` are the formats that a lock gave, storage path → format.
    Raises QdslError.
    """
    layers = TrainedLayers(Storages(model), quantized=False)
    tree = build_tree(model, empty)
    program = Program(tree, model, layers, packed_ir=packed, choices=choices)
    initialise(program, seed)
    return program
