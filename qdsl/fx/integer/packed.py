"""Lowers an entry of integer arithmetic when packed: integer tensors from input to output."""

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import torch
from torch import Tensor, fx, nn

from qdsl.fx.emission import Operand
from qdsl.fx.integer import arithmetic
from qdsl.fx.integer.calls import Call, call_of
from qdsl.fx.integer.codes import ONE
from qdsl.fx.integer.constants import Given
from qdsl.fx.integer.library import OPERATIONS
from qdsl.fx.integer.lowering import Plain, Steps
from qdsl.fx.integer.training import times
from qdsl.fx.storages import Storages
from qdsl.ir import op
from qdsl.ir.flat import FlatNode
from qdsl.ir.integer import Fixed, Kind, Number, Observed, Plan, Scale, Table, Times, plans
from qdsl.ir.model import Model, Storage, join, state_key

Find = Callable[[str], object]  # an operation of `qdsl::` by name


def table_key(table: Table) -> str:
    """Where files and packed programs have a table."""
    return join(state_key(table.path), table.name)


@dataclass(eq=False)
class PackedSteps(Steps):
    """`find` gives the operations of `qdsl::`."""

    find: Find

    def __post_init__(self) -> None:
        for number, _ in enumerate(self.plan.graph.inputs):
            if self._kind(number) is Kind.CODES:
                x = self.to.tensor(number)
                self.to.operands[number] = self._quantized(x, number)

    def result(self, number: Number) -> fx.Node:
        x = self.to.tensor(number)
        if self._kind(number) is not Kind.CODES:
            return x
        return self.to.call(self.find("integer_dequantize"), x, self._scale_attribute(number))

    def computed(self, place: Number, call: Call, plain: Plain) -> tuple[Operand, ...]:
        own = self.plan.own_scales(self.plan.graph.nodes[place])
        codes = [self._codes(n, own.get(n, n)) for n in call.inputs]
        weights = [self.to.attribute(self.storages.key(p)) for p in call.weights]
        tables = [self.to.attribute(table_name(t)) for t in call.tables]
        names = _names(self.plan, place)
        constants = [self.to.attribute(next(names)) for _ in range(call.constants)]
        operation = OPERATIONS[call.name]
        arguments = operation.arguments(codes, weights, tables, constants, call.statics)
        result = self.to.call(self.find(f"integer_{call.name}"), *arguments)
        if len(call.results) == 1:
            return (result,)
        return tuple(self.to.call(operator.getitem, result, i) for i in range(len(call.results)))

    def moved(self, place: Number, flat: FlatNode, plain: Plain) -> Operand:
        names, own = _names(self.plan, place), self.plan.own_scales(flat)
        operands = {n: self._codes(n, own.get(n, n)) for n in self.plan.moving(flat)}
        for number in self.plan.requantized(flat):
            by = [self.to.attribute(next(names)) for _ in range(2)]
            find = self.find("integer_requantize")
            operands[number] = self.to.call(find, operands[number], *by)
        if (constant := self.plan.constant(flat)) is not None:
            operands[constant[0]] = self.to.attribute(next(names))
        if (factor := self.plan.factor(flat)) is not None:
            x = operands[factor[0]]
            return x if factor[1] > 0 else self._saturated("neg", x)
        if isinstance(flat.node.op, op.Unary) and flat.node.op.function in ("neg", "abs"):
            return self._saturated(flat.node.op.function, operands[flat.node.inputs[0]])
        with self.replaced(operands):
            (result,) = plain()
        return result

    def _saturated(self, method: str, x: fx.Node) -> fx.Node:
        """The least code has no opposite."""
        return self.to.method(method, self.to.method("clamp", x, -32767))

    def _codes(self, number: Number, scale: Number) -> fx.Node:
        """Codes of a value; of a constant in the scale of the value `scale`."""
        if self._kind(number) is not Kind.CONSTANT:
            return self.to.tensor(number)
        if number in self.plan.numbers and scale == number:
            value = self.plan.numbers[number]
            code = ONE if value > 0 else -ONE if value < 0 else 0
            return self.to.method("new_full", self.to.like, (), code, dtype=torch.int16)
        return self._quantized(self.to.tensor(number), scale)

    def _quantized(self, x: fx.Node, scale: Number) -> fx.Node:
        find = self.find("integer_quantize")
        return self.to.call(find, x, self._scale_attribute(scale))

    def _scale_attribute(self, number: Number) -> fx.Node:
        return self.to.attribute(_scale_name(self.plan, number))


# ---- constants ---------------------------------------------------------------------------------


def add_constants(
    tree: nn.Module,
    model: Model,
    scale_of: Callable[[Observed], Tensor],
    scales_of: Callable[[Storage], Tensor],
) -> None:
    """Registers the constants of all entries as buffers that are no state.

    The tree has the parameters that are floats, and tables. `scale_of` gives the stored scales
    f32 [] of values, `scales_of` those of a weight, f64 [N, G].
    """
    storages = Storages(model)
    for plan in plans(model).entries.values():
        maker = _Maker(tree, plan, storages, scale_of, scales_of)
        for name, value in maker.all():
            tree.register_buffer(name, value, persistent=False)


@dataclass(eq=False)
class _Maker:
    tree: nn.Module
    plan: Plan
    storages: Storages
    scale_of: Callable[[Observed], Tensor]
    scales_of: Callable[[Storage], Tensor]

    def all(self) -> Iterator[tuple[str, Tensor]]:
        for number, value in enumerate(self.plan.values):
            if value.scale is not None or number in self.plan.constants:
                yield _scale_name(self.plan, number), self._scale(number)
        for place, flat in enumerate(self.plan.graph.nodes):
            if self.plan.values[flat.node.outputs[0]].kind is Kind.CODES:
                call = call_of(self.plan, place, self.storages)
                found = self._moved(flat) if call is None else self._computed(place, call)
                yield from zip(_names(self.plan, place), found, strict=False)

    def _computed(self, place: Number, call: Call) -> tuple[Tensor, ...]:
        own = self.plan.own_scales(self.plan.graph.nodes[place])
        inputs = [own.get(n, n) if self._is_constant(n) else n for n in call.inputs]
        given = Given(
            inputs=tuple(self._scale(n) for n in inputs if self._has_codes(n)),
            results=tuple(self._resolved(s) for s in call.results),
            weights=tuple(self.scales_of(self.storages.of(p)) for p in call.weights),
            floats=tuple(None if p is None else self._parameter(p).float() for p in call.floats),
            epsilon=call.epsilon,
        )
        found = OPERATIONS[call.name].constants(given)
        assert len(found) == call.constants, call.name
        return found

    def _moved(self, flat: FlatNode) -> list[Tensor]:
        found = list[Tensor]()
        result = self._scale(flat.node.outputs[0])
        for number in self.plan.requantized(flat):
            given = Given(inputs=(self._scale(number),), results=(result,))
            found += OPERATIONS["requantize"].constants(given)
        if (constant := self.plan.constant(flat)) is not None:
            found.append(arithmetic.constant(self.plan.numbers[constant[0]], result))
        return found

    def _is_constant(self, number: Number) -> bool:
        return self.plan.values[number].kind is Kind.CONSTANT

    def _has_codes(self, number: Number) -> bool:
        return self.plan.values[number].kind is not Kind.PLAIN

    def _parameter(self, path: str) -> Tensor:
        key = self.storages.key(path)
        module, _, name = key.rpartition(".")
        value: Tensor = getattr(self.tree.get_submodule(module), name)
        return value

    def _scale(self, number: Number) -> Tensor:
        return self._resolved(self.plan.scale(number))

    def _resolved(self, scale: Scale) -> Tensor:
        match scale:
            case Observed():
                return self.scale_of(scale).view(())
            case Fixed(number):
                return torch.tensor(number, dtype=torch.float32)
            case Times(inner, factor):
                return times(self._resolved(inner), factor)


# ---- names -------------------------------------------------------------------------------------


def _names(plan: Plan, place: Number) -> Iterator[str]:
    """Of an operation's constants."""
    return (f"{plan.graph.entry}:{place}:{i}" for i in count())


def _scale_name(plan: Plan, number: Number) -> str:
    return f"{plan.graph.entry}:scale:{number}"


def table_name(table: Table) -> str:
    """The buffer of a packed program that is a table."""
    return table_key(table).replace(".", "/")
