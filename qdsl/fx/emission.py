"""Holds a graph under construction, and what turns operations that own parameters into nodes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from torch import fx

from qdsl.fx.sizes import Sizes
from qdsl.ir import op
from qdsl.ir.flat import FlatNode, Graph
from qdsl.ir.format import Activations

DTYPES = {"f32": torch.float32, "i64": torch.int64, "bool": torch.bool}

Operand = fx.Node | float | int | bool

LayerOp = (
    op.Read
    | op.Linear
    | op.Embedding
    | op.Conv
    | op.Lstm
    | op.Gru
    | op.LayerNorm
    | op.BatchNorm
    | op.Dropout
)


@dataclass(slots=True)
class Emission:
    """A graph under construction: operands and dtypes of its values by number.

    `like` is a tensor on the device of the computation; `attributes` and `weights` are nodes that
    were made before.
    """

    graph: fx.Graph
    sizes: Sizes
    like: fx.Node
    operands: list[Operand] = field(default_factory=list)
    dtypes: list[str] = field(default_factory=list)
    attributes: dict[str, fx.Node] = field(default_factory=dict)
    weights: dict[str, fx.Node] = field(default_factory=dict)

    def call(self, function: object, *arguments: object, **named: object) -> fx.Node:
        return self.graph.call_function(function, arguments, named)  # type: ignore[arg-type]

    def method(self, name: str, *arguments: object, **named: object) -> fx.Node:
        return self.graph.call_method(name, arguments, named)  # type: ignore[arg-type]

    def attribute(self, target: str) -> fx.Node:
        """An attribute of the program, read once."""
        if target not in self.attributes:
            self.attributes[target] = self.graph.get_attr(target)
        return self.attributes[target]

    def tensor(self, number: int) -> fx.Node:
        """A value as a tensor; a number of the spec becomes one of shape []."""
        operand = self.operands[number]
        if not isinstance(operand, fx.Node):
            dtype = DTYPES[self.dtypes[number]]
            operand = self.method("new_full", self.like, (), operand, dtype=dtype)
            self.operands[number] = operand
        return operand


class Steps(Protocol):
    """How an entry of integer arithmetic is emitted, operation by operation."""

    def operation(
        self, place: int, plain: Callable[[], tuple[Operand, ...]]
    ) -> tuple[Operand, ...]:
        """The results of an operation of the graph; `plain` emits it as one on floats."""
        ...

    def result(self, number: int) -> fx.Node:
        """A value as the entry gives it out."""
        ...


class Layers(Protocol):
    """How operations that own parameters, are rounded, or differ in training become nodes."""

    def emit(
        self, to: Emission, op: LayerOp, node: FlatNode, inputs: tuple[fx.Node, ...]
    ) -> tuple[fx.Node, ...]: ...

    def integers(self, to: Emission, graph: Graph) -> Steps | None:
        """What emits the entry where all of it is integers."""
        ...

    @property
    def roundings(self) -> Mapping[str, Mapping[str, Activations]]:
        """Formats by property and path of a value or layer, as in a model."""
        ...

    def rounded(self, to: Emission, flat: FlatNode, property: str, x: fx.Node) -> fx.Node:
        """x, rounded as `output` or `softmax` of that value says."""
        ...

    def product(
        self, to: Emission, operation: op.Einsum, flat: FlatNode, x: fx.Node, y: fx.Node
    ) -> fx.Node: ...


@runtime_checkable
class Finishing(Protocol):
    """Layers that change the whole graph of an entry; parts of one are left as they are."""

    def finish(self, lowered: fx.Graph, graph: Graph) -> fx.Graph: ...
