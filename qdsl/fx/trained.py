"""Lowers layers for training: in float, or with weights and activations rounded as when packed."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Protocol, assert_never

import torch
import torch.nn.functional as F
from torch import fx

from qdsl.fx import activations, operations, products, recurrence
from qdsl.fx.autocast import mark_multiplied
from qdsl.fx.emission import Emission, LayerOp, Steps
from qdsl.fx.observed import observe_inputs, observe_states
from qdsl.fx.observer import watched
from qdsl.fx.parts import layer_norm
from qdsl.fx.quantizer import QUANTIZER
from qdsl.fx.ranges import target
from qdsl.fx.storages import Storages
from qdsl.ir import op
from qdsl.ir.flat import FlatNode, Graph
from qdsl.ir.format import F32, ActivationFormat, Activations, FloatFormat, StaticFormat
from qdsl.ir.integer import plan_of
from qdsl.target import activation_word

_RECURRENCES: Mapping[tuple[type[op.Recurrent], bool], Callable[..., object]] = {
    (op.Lstm, False): operations.lstm,
    (op.Lstm, True): recurrence.rounded_lstm,
    (op.Gru, False): operations.gru,
    (op.Gru, True): recurrence.rounded_gru,
}


@dataclass(frozen=True, slots=True)
class TrainedLayers:
    """`quantized`: weights pass their quantizers, inputs of products are rounded, norms stand.

    Stages of a recipe switch `rounds` off to leave activations as they are, and `follows` to keep
    the statistics of norms, which then are what a norm uses, and `observes` on to sum the inputs of
    sparse weights.
    """

    storages: Storages
    quantized: bool
    rounds: bool = True
    follows: bool = True
    observes: bool = False

    def finish(self, lowered: fx.Graph, graph: Graph) -> fx.Graph:
        """The graph of an entry as it runs."""
        return mark_multiplied(lowered, (activations.fake_quantize,))

    def emit(
        self, to: Emission, operation: LayerOp, flat: FlatNode, inputs: tuple[fx.Node, ...]
    ) -> tuple[fx.Node, ...]:
        if not self.observes:
            return self._emit(to, operation, flat, inputs)
        if inputs:
            x = observe_inputs(to, self.storages, operation, flat, inputs[0])
            inputs = (x, *inputs[1:])
        results = self._emit(to, operation, flat, inputs)
        if isinstance(operation, op.Lstm | op.Gru):
            y = observe_states(to, self.storages, flat, inputs[1], results[0])
            results = (y, *results[1:])
        return results

    def _emit(
        self, to: Emission, operation: LayerOp, flat: FlatNode, inputs: tuple[fx.Node, ...]
    ) -> tuple[fx.Node, ...]:
        match operation:
            case op.Dropout(p):
                training = to.attribute("training")
                return (to.call(F.dropout, inputs[0], p, training),)
            case op.BatchNorm():
                return (self._batch_norm(to, operation, flat, inputs[0]),)
            case op.Conv():
                return (self._conv(to, operation, flat, inputs[0]),)
            case op.Lstm() | op.Gru():
                return self._recurrent(to, operation, flat, inputs)
            case op.Read() | op.Linear() | op.Embedding() | op.LayerNorm():
                return (self._simple(to, operation, flat, inputs),)
            case _:
                assert_never(operation)

    def integers(self, to: Emission, graph: Graph) -> Steps | None:
        from qdsl.fx.integer.training import TrainingSteps

        plan = plan_of(self.storages.model, graph) if self.quantized else None
        return TrainingSteps(to, plan, self.storages, self, self.rounds) if plan else None

    def weight(self, to: Emission, path: str) -> fx.Node:
        """The parameter as the operation sees it; quantized once a graph."""
        key = self.storages.key(path)
        if not self.quantized or self.storages.of(path).format == F32:
            return to.attribute(key)
        if key not in to.weights:
            to.weights[key] = to.graph.call_module(key + QUANTIZER, (to.attribute(key),))
        return to.weights[key]

    def weights(self, to: Emission, flat: FlatNode) -> list[fx.Node]:
        return [self.weight(to, p) for p in self.storages.parameters(flat)]

    def _simple(
        self,
        to: Emission,
        operation: op.Read | op.Linear | op.Embedding | op.LayerNorm,
        flat: FlatNode,
        inputs: tuple[fx.Node, ...],
    ) -> fx.Node:
        weights = self.weights(to, flat)
        match operation:
            case op.Read():
                return weights[0]
            case op.Linear():
                return to.call(F.linear, self._rounded(to, flat, inputs[0]), *weights)
            case op.Embedding():
                return to.call(F.embedding, inputs[0], weights[0])
            case op.LayerNorm(eps):
                shape = self.storages.of(flat.node.parameters[0]).parameter.shape
                return layer_norm(to, flat, self, inputs[0], weights, eps, shape)
            case _:
                assert_never(operation)

    def _batch_norm(
        self, to: Emission, operation: op.BatchNorm, flat: FlatNode, x: fx.Node
    ) -> fx.Node:
        if self.quantized:
            return fixed_norm(to, x, operation, flat, self)
        weights = [self.weight(to, p) for p in flat.node.parameters]
        training = to.attribute("training") if self.follows else False
        momentum, eps = operation.momentum, operation.eps
        return to.call(operations.batch_norm, x, *weights, training, momentum, eps)

    def _conv(self, to: Emission, conv: op.Conv, flat: FlatNode, x: fx.Node) -> fx.Node:
        weight, *bias = self.weights(to, flat)
        shape = (conv.stride, conv.padding, conv.dilation)
        if not isinstance(self._activations(flat), ActivationFormat):
            given = bias[0] if bias else None
            # of static ranges each has a code for 0, so that padding may come after rounding
            x = self._rounded(to, flat, x)
            return to.call(operations.convolution, x, weight, given, *shape, conv.groups)
        rows = self._rounded(to, flat, to.call(operations.patches, x, conv.kernel, *shape))
        matrix = to.method("flatten", weight, 1)
        if conv.groups == 1:
            return to.call(F.linear, rows, matrix, *bias)
        rows = grouped_rows(to, conv, flat, self.storages, rows)
        given = bias[0] if bias else None
        return to.call(operations.grouped_linear, rows, matrix, given, conv.groups)

    def _recurrent(
        self, to: Emission, operation: op.Recurrent, flat: FlatNode, inputs: tuple[fx.Node, ...]
    ) -> tuple[fx.Node, ...]:
        x, *states = inputs
        weights = self.weights(to, flat)
        x = self._rounded(to, flat, x)
        format = self._format(self.storages.model.states, flat.path)
        function = _RECURRENCES[type(operation), format is not None]
        named: dict[str, object] = {}
        if isinstance(format, StaticFormat):
            observer = to.attribute(target(self.storages.model, flat.path, "state"))
            named = {"observer": observer, "rounds": self.rounds}
        elif isinstance(format, FloatFormat):
            named = {"word": activation_word(format)}
        result = to.call(function, x, *states, *weights, **named)
        return unpacked(to, result, len(inputs))

    @property
    def roundings(self) -> Mapping[str, Mapping[str, Activations]]:
        return self.storages.model.roundings if self.quantized else {}

    def rounded(self, to: Emission, flat: FlatNode, property: str, x: fx.Node) -> fx.Node:
        found = self.storages.model.roundings.get(property, {})
        return self._in(to, self._format(found, flat.value), flat.value, property, x)

    def product(
        self, to: Emission, operation: op.Einsum, flat: FlatNode, x: fx.Node, y: fx.Node
    ) -> fx.Node:
        found = self.storages.model.roundings.get("matmul", {})
        match format := self._format(found, flat.value):
            case ActivationFormat() | FloatFormat():
                word = activation_word(format)
                return to.call(products.rounded, operation.equation, x, y, word)
            case _:
                x = self._in(to, format, flat.value, "left", x)
                y = self._in(to, format, flat.value, "right", y)
                return to.call(torch.einsum, operation.equation, x, y)

    def _rounded(self, to: Emission, flat: FlatNode, x: fx.Node) -> fx.Node:
        return self._in(to, self._activations(flat), flat.path, "input", x)

    def _in(
        self, to: Emission, format: Activations | None, path: str, name: str, x: fx.Node
    ) -> fx.Node:
        """x rounded in the format; the static range of that path and name sees it."""
        match format:
            case None:
                return x
            case ActivationFormat() | FloatFormat():
                return to.call(activations.fake_quantize, x, activation_word(format))
            case StaticFormat():
                observer = target(self.storages.model, path, name)
                if self.rounds:
                    return to.graph.call_module(observer, (x,))
                return to.call(watched, x, to.attribute(observer))
            case _:
                assert_never(format)

    def _activations(self, flat: FlatNode) -> Activations | None:
        return self._format(self.storages.model.activations, flat.path)

    def _format(self, formats: Mapping[str, Activations], path: str) -> Activations | None:
        """What is rounded or, in a static range, at least observed."""
        format = formats.get(path) if self.quantized else None
        return format if self.rounds or isinstance(format, StaticFormat) else None


def grouped_rows(
    to: Emission, conv: op.Conv, flat: FlatNode, storages: Storages, rows: fx.Node
) -> fx.Node:
    """Patches of a grouped convolution, what each group reads side by side."""
    _, k = storages.of(flat.node.parameters[0]).parameter.matrix
    channels = k * conv.groups // prod(conv.kernel)
    return to.call(operations.grouped_rows, rows, conv.groups, channels)


class Weights(Protocol):
    """What gives parameters as operations see them."""

    @property
    def storages(self) -> Storages: ...

    def weight(self, to: Emission, path: str) -> fx.Node: ...


def fixed_norm(
    to: Emission, x: fx.Node, operation: op.BatchNorm, flat: FlatNode, given: Weights
) -> fx.Node:
    """A norm that is not trained: scale and shift, unless no pass has made it so."""
    if flat.path in given.storages.folded:
        return x
    stored = [given.weight(to, p) for p in flat.node.parameters if given.storages.has(p)]
    if len(stored) == 2:
        return to.call(operations.scale_and_shift, x, *stored)
    momentum, eps = operation.momentum, operation.eps
    return to.call(operations.batch_norm, x, *stored, False, momentum, eps)


def unpacked(to: Emission, result: fx.Node, count: int) -> tuple[fx.Node, ...]:
    """The elements of a tuple."""
    return tuple(to.call(operator.getitem, result, i) for i in range(count))
