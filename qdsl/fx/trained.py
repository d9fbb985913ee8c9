"""Lowers layers for training: in float, or with weights and activations rounded as when packed."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, assert_never

import torch.nn.functional as F
from torch import fx

from qdsl.fx import activations, operations, recurrence
from qdsl.fx.emission import Emission, LayerOp
from qdsl.fx.quantizer import QUANTIZER
from qdsl.fx.storages import Storages
from qdsl.ir import op
from qdsl.ir.flat import FlatNode
from qdsl.ir.format import F32, Activations
from qdsl.target import activation_word

_RECURRENCES: Mapping[tuple[type[op.Recurrent], bool], Callable[..., object]] = {
    (op.Lstm, False): operations.lstm,
    (op.Lstm, True): recurrence.rounded_lstm,
    (op.Gru, False): operations.gru,
    (op.Gru, True): recurrence.rounded_gru,
}


@dataclass(frozen=True, slots=True)
class TrainedLayers:
    """`quantized`: weights pass their quantizers, inputs of products are rounded, norms stand."""

    storages: Storages
    quantized: bool

    def emit(
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
                return layer_norm(to, inputs[0], weights, eps, shape)
            case _:
                assert_never(operation)

    def _batch_norm(
        self, to: Emission, operation: op.BatchNorm, flat: FlatNode, x: fx.Node
    ) -> fx.Node:
        if self.quantized:
            return fixed_norm(to, x, operation, flat, self)
        weights = [self.weight(to, p) for p in flat.node.parameters]
        training = to.attribute("training")
        momentum, eps = operation.momentum, operation.eps
        return to.call(operations.batch_norm, x, *weights, training, momentum, eps)

    def _conv(self, to: Emission, conv: op.Conv, flat: FlatNode, x: fx.Node) -> fx.Node:
        weight, *bias = self.weights(to, flat)
        shape = (conv.stride, conv.padding, conv.dilation)
        if not self._word(self.storages.model.activations, flat):
            given = bias[0] if bias else None
            return to.call(operations.convolution, x, weight, given, *shape, conv.groups)
        rows = self._rounded(to, flat, to.call(operations.patches, x, conv.kernel, *shape))
        return to.call(F.linear, rows, to.method("flatten", weight, 1), *bias)

    def _recurrent(
        self, to: Emission, operation: op.Recurrent, flat: FlatNode, inputs: tuple[fx.Node, ...]
    ) -> tuple[fx.Node, ...]:
        x, *states = inputs
        weights = self.weights(to, flat)
        x = self._rounded(to, flat, x)
        rounded = self._word(self.storages.model.states, flat) is not None
        function = _RECURRENCES[type(operation), rounded]
        result = to.call(function, x, *states, *weights)
        return unpacked(to, result, len(inputs))

    def _rounded(self, to: Emission, flat: FlatNode, x: fx.Node) -> fx.Node:
        word = self._word(self.storages.model.activations, flat)
        return to.call(activations.fake_quantize, x, word) if word else x

    def _word(self, formats: Mapping[str, Activations], flat: FlatNode) -> str | None:
        if not self.quantized or flat.path not in formats:
            return None
        return activation_word(formats[flat.path])


def layer_norm(
    to: Emission, x: fx.Node, weights: list[fx.Node], eps: float, shape: tuple[int, ...]
) -> fx.Node:
    return to.call(F.layer_norm, x, shape, *weights, eps)


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
