"""Lowers an entry of integer arithmetic for training: the integers forward, floats backward.

Each value is a float that stands for its int16 codes. An operation runs in float, for its gradient
and for the ranges; what it gives on are the codes of the integer reference.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx

from qdsl.diagnostic.model import QdslError
from qdsl.fx.emission import Operand
from qdsl.fx.integer import arithmetic, codes, tables
from qdsl.fx.integer.calls import Call
from qdsl.fx.integer.constants import Given
from qdsl.fx.integer.library import OPERATIONS
from qdsl.fx.integer.lowering import Plain, Steps
from qdsl.fx.integer.weights import weight_parts
from qdsl.fx.numerics import static
from qdsl.fx.observer import Observer
from qdsl.fx.quantizer import QUANTIZER
from qdsl.fx.ranges import target
from qdsl.fx.trained import Weights
from qdsl.ir.flat import FlatNode
from qdsl.ir.integer import Fixed, Kind, Number, Observed, Scale, Times

Pair = tuple[Any, Any]  # a value and its scale, None for one that has none


@dataclass(eq=False)
class TrainingSteps(Steps):
    """`scales` are nodes of scales f32 [] by value; without `rounds` values stay as they are."""

    layers: Weights
    rounds: bool = True
    scales: dict[Number, fx.Node] = field(default_factory=dict)
    fixed: dict[float, fx.Node] = field(default_factory=dict)
    parts: dict[str, fx.Node] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, _ in enumerate(self.plan.graph.inputs):
            if self._kind(number) is Kind.CODES:
                scale = self.plan.scale(number)
                x = self.to.tensor(number)
                own = isinstance(scale, Observed) and scale.name == "input"
                self.scales[number] = self._scale_node(scale, x, observes=own)
                self.to.operands[number] = self._quantized(x, self.scales[number])

    def result(self, number: Number) -> fx.Node:
        x = self.to.tensor(number)
        if self._kind(number) is not Kind.CODES or not self.rounds:
            return x
        return self.to.call(canonical, x, self.scales[number])

    def computed(self, place: Number, call: Call, plain: Plain) -> tuple[Operand, ...]:
        flat = self.plan.graph.nodes[place]
        floats = plain()
        scales = self._results(call, flat, floats)
        own = self.plan.own_scales(flat)
        known = dict(zip(flat.node.outputs, scales, strict=True))
        inputs = tuple(self._value(n, known.get(own.get(n, -1))) for n in call.inputs)
        weights = tuple(self._weight(p) for p in call.weights)
        biases = tuple(p and self.layers.weight(self.to, p) for p in call.floats)
        argument = inputs[0][1]
        made = tuple(
            (t.function, self._of_table(t.argument, argument), self._of_table(t.result, scales[0]))
            for t in call.tables
        )
        how = call.name, call.statics, call.epsilon, self.rounds
        result = self.to.call(compute, *how, floats, scales, inputs, weights, biases, made)
        self.scales.update(known)
        return tuple(self.to.call(operator.getitem, result, i) for i in range(len(floats)))

    def moved(self, place: Number, flat: FlatNode, plain: Plain) -> Operand:
        (number,) = flat.node.outputs
        scale = self._moved_scale(flat, plain)
        own, others = self.plan.own_scales(flat), set(self.plan.requantized(flat))
        operands: dict[Number, Any] = {}
        for n in self.plan.moving(flat):
            operands[n], at = self._value(n, scale if n in own else None)
            if n in others and self.rounds:
                operands[n] = self.to.call(requantized, operands[n], at, scale)
        if (constant := self.plan.constant(flat)) is not None:
            given = self.plan.numbers[constant[0]]
            operands[constant[0]] = self.to.call(constant_value, given, scale)
        self.scales[number] = scale
        with self.replaced(operands):
            (result,) = plain()
        return result

    def _moved_scale(self, flat: FlatNode, plain: Plain) -> fx.Node:
        """Of an input that has the result's scale; else observed on the result."""
        result = self.plan.scale(flat.node.outputs[0])
        if (factor := self.plan.factor(flat)) is not None:
            return self.to.call(times, self._value(factor[0], None)[1], abs(factor[1]))
        for n in self.plan.moving(flat):
            if self._kind(n) is Kind.CODES and self.plan.scale(n) == result:
                return self.scales[n]
        (y,) = plain()
        return self._scale_node(result, y)

    # ---- values ------------------------------------------------------------------------------

    def _value(self, number: Number, own: fx.Node | None) -> Pair:
        """A value and its scale; a constant becomes codes here, of the scale `own` if there is."""
        x = self.to.tensor(number)
        if self._kind(number) is Kind.CODES:
            return x, self.scales[number]
        if self._kind(number) is not Kind.CONSTANT:
            return x, None
        scale = self._scale_node(self.plan.scale(number), x) if own is None else own
        return self._quantized(x, scale), scale

    def _quantized(self, x: fx.Node, scale: fx.Node) -> fx.Node:
        return self.to.call(quantized, x, scale) if self.rounds else x

    def _weight(self, path: str) -> fx.Node:
        key = self.storages.key(path)
        if key not in self.parts:
            quantizer, weight = self.to.attribute(key + QUANTIZER), self.to.attribute(key)
            self.parts[key] = self.to.call(weight_parts, quantizer, weight)
        return self.parts[key]

    # ---- scales ------------------------------------------------------------------------------

    def _results(self, call: Call, flat: FlatNode, floats: Sequence[Any]) -> tuple[fx.Node, ...]:
        if call.name in ("mean", "pool_mean"):
            return (self.scales[call.inputs[0]],)
        nodes: dict[Scale, fx.Node] = {}
        for scale, y in zip(call.results, floats, strict=True):
            if scale not in nodes:
                nodes[scale] = self._scale_node(scale, y)
        return tuple(nodes[s] for s in call.results)

    def _scale_node(self, scale: Scale, x: Any, observes: bool = True) -> fx.Node:
        """The scale, after the observer of its range has seen x."""
        match scale:
            case Observed(path, name):
                observer = self.to.attribute(target(self.storages.model, path, name))
                return self.to.call(observed if observes else current, x, observer)
            case Fixed(number):
                if number not in self.fixed:
                    made = self.to.method("new_full", self.to.like, (), number, dtype=torch.float32)
                    self.fixed[number] = made
                return self.fixed[number]
            case Times(inner, factor):
                return self.to.call(times, self._scale_node(inner, x, observes=False), factor)

    def _of_table(self, scale: Scale | None, value: fx.Node) -> fx.Node | None:
        if scale is None:
            return None
        return self._scale_node(scale, None) if isinstance(scale, Fixed) else value


# ---- what the graph calls ----------------------------------------------------------------------


def observed(x: Tensor, observer: Observer) -> Tensor:
    """The scale f32 [] of a range that x has entered."""
    if observer.observing:
        observer.observe(x)
    return current(x, observer)


def current(x: Tensor, observer: Observer) -> Tensor:
    """The scale f32 [] of a range; in training, before it has seen anything, what x would make it.

    Raises QdslError (Q717) for such a range in evaluation.
    """
    if observer.observed:
        return observer.scale_and_zero()[0].detach().view(())
    if not observer.training:
        raise QdslError([observer.unobserved()])
    if x.numel() == 0:
        return x.new_ones(())
    scale, _ = static.scale_and_zero(x.detach().amin(), x.detach().amax(), observer.format)
    return scale


def times(scale: Tensor, factor: float) -> Tensor:
    """A product of f32."""
    return scale * scale.new_full((), factor)


def quantized(x: Tensor, scale: Tensor) -> Tensor:
    """x as its codes stand for it; the gradient passes where they do not saturate."""
    with torch.no_grad():
        found = codes.quantize(x, scale)
    return _through(x, found, scale)


def requantized(x: Tensor, own: Tensor, scale: Tensor) -> Tensor:
    """What codes of the scale `own` stand for in another one."""
    operation = OPERATIONS["requantize"]
    with torch.no_grad():
        given = Given(inputs=(own,), results=(scale,))
        found = operation.run(codes.recover(x, own), *operation.constants(given))
    assert isinstance(found, Tensor)
    return _through(x, found, scale)


def canonical(x: Tensor, scale: Tensor) -> Tensor:
    """x as a packed program gives it out, to the last bit."""
    with torch.no_grad():
        found = codes.recover(x, scale)
    return _through(x, found, scale)


def constant_value(number: float, scale: Tensor) -> Tensor:
    """What the code that `where` gives for a constant stands for."""
    return codes.dequantize(arithmetic.constant(number, scale), scale)


def compute(
    name: str,
    statics: tuple[Any, ...],
    epsilon: float,
    rounds: bool,
    floats: Sequence[Tensor],
    scales: Sequence[Tensor],
    inputs: Sequence[tuple[Tensor, Tensor | None]],
    weights: Sequence[tuple[Tensor, Tensor]],
    biases: Sequence[Tensor | None],
    functions: Sequence[tuple[str, Tensor, Tensor | None]],
) -> tuple[Tensor, ...]:
    """The values of the integer operation, with the gradients of the floats' own results."""
    if not rounds:
        return tuple(floats)
    operation = OPERATIONS[name]
    with torch.no_grad():
        taken = [x if s is None else codes.recover(x, s) for x, s in inputs]
        given = Given(
            inputs=tuple(s for _, s in inputs if s is not None),
            results=tuple(scales),
            weights=tuple(s for _, s in weights),
            floats=tuple(b if b is None else b.detach() for b in biases),
            epsilon=epsilon,
        )
        made = [make_table(*f) for f in functions]
        constants = operation.constants(given)
        centred = [w for w, _ in weights]
        found = operation.run(*operation.arguments(taken, centred, made, constants, statics))
    several = (found,) if isinstance(found, Tensor) else found
    return tuple(_through(y, q, s) for y, q, s in zip(floats, several, scales, strict=True))


def make_table(function: str, argument: Tensor, result: Tensor | None) -> Tensor:
    """u8 [256], of a softmax's decay where the result has no scale."""
    if result is None:
        return tables.decay_table(argument)
    return tables.table(function, argument, result)


def _through(x: Tensor, found: Tensor, scale: Tensor) -> Tensor:
    result: Tensor = _Through.apply(x, found, scale)  # type: ignore[no-untyped-call]
    return result


class _Through(torch.autograd.Function):
    """The value of codes, the gradient of x where |x| is within the range of its scale."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, found: Tensor, scale: Tensor) -> Tensor:
        limit = scale / codes.STEPS * (codes.WIDE_MAX + 0.5)
        ctx.save_for_backward(x.abs() <= limit)
        return codes.dequantize(found, scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (inside,) = ctx.saved_tensors
        return gradients[0] * inside, None, None
