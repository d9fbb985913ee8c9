"""Lowers an entry of integer arithmetic: what training and packed programs have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import fx

from qdsl.fx.emission import Emission, Operand
from qdsl.fx.integer.calls import Call, call_of
from qdsl.fx.storages import Storages
from qdsl.ir.flat import FlatNode
from qdsl.ir.integer import Kind, Number, Plan

Plain = Callable[[], tuple[Operand, ...]]


@dataclass(eq=False)
class Steps(ABC):
    """Emits the operations of one entry, by its plan.

    Operands of the emission are codes here: in training, floats that stand for them.
    """

    to: Emission
    plan: Plan
    storages: Storages

    def operation(self, place: Number, plain: Plain) -> tuple[Operand, ...]:
        """The results of an operation; `plain` emits it over the operands as floats would be."""
        flat = self.plan.graph.nodes[place]
        kinds = {self.plan.values[n].kind for n in flat.node.outputs}
        if Kind.CODES not in kinds:
            rest = Kind.REST in kinds
            taken = [n for n in flat.node.inputs if self._kind(n) is Kind.CODES]
            with self.replaced({n: self.result(n) for n in taken} if rest else {}):
                return plain()
        call = call_of(self.plan, place, self.storages)
        if call is None:
            return (self.moved(place, flat, plain),)
        return self.computed(place, call, plain)

    @abstractmethod
    def result(self, number: Number) -> fx.Node:
        """A value as what operations on floats, and callers, are given."""

    @abstractmethod
    def computed(self, place: Number, call: Call, plain: Plain) -> tuple[Operand, ...]: ...

    @abstractmethod
    def moved(self, place: Number, flat: FlatNode, plain: Plain) -> Operand: ...

    # ---- parts -------------------------------------------------------------------------------

    def _kind(self, number: Number) -> Kind:
        return self.plan.values[number].kind

    @contextmanager
    def replaced(self, operands: Mapping[Number, Any]) -> Iterator[None]:
        """Operands are others while it is entered."""
        before = {n: self.to.operands[n] for n in operands}
        for number, operand in operands.items():
            self.to.operands[number] = operand
        try:
            yield
        finally:
            for number, operand in before.items():
                self.to.operands[number] = operand
