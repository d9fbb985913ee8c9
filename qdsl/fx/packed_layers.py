"""Lowers layers to the operations of a back end on packed weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

import torch
import torch.nn.functional as F
from torch import fx

from qdsl.fx import operations
from qdsl.fx.emission import Emission, LayerOp, Steps
from qdsl.fx.fuse import fuse
from qdsl.fx.inplace import inplace
from qdsl.fx.ops import operation as qdsl_operation
from qdsl.fx.parts import layer_norm
from qdsl.fx.quantizer import QUANTIZER
from qdsl.fx.ranges import target
from qdsl.fx.share import share
from qdsl.fx.storages import Storages
from qdsl.fx.trained import fixed_norm, unpacked
from qdsl.ir import op
from qdsl.ir.flat import FlatNode, Graph
from qdsl.ir.format import (
    F32,
    ActivationFormat,
    Activations,
    FloatGrid,
    FloatType,
    PerToken,
    StaticFormat,
)
from qdsl.ir.integer import plan_of
from qdsl.ir.model import Role
from qdsl.ir.ranges import SIDES
from qdsl.target import activation_word


@dataclass(frozen=True, slots=True)
class PackedLayers:
    """`overload` of the operations; `exact` reads packed weights from their quantizers; `fuses`:
    products take what follows them."""

    storages: Storages
    overload: str
    exact: bool = False
    fuses: bool = False

    def finish(self, lowered: fx.Graph, graph: Graph) -> fx.Graph:
        """The graph of an entry as it runs."""
        if not self.fuses:
            return lowered
        return inplace(fuse(share(lowered), graph, self._operation("linear")), graph)

    def integers(self, to: Emission, graph: Graph) -> Steps | None:
        from qdsl.fx.integer.packed import PackedSteps

        plan = plan_of(self.storages.model, graph)
        return PackedSteps(to, plan, self.storages, self._operation) if plan else None

    def emit(
        self, to: Emission, operation: LayerOp, flat: FlatNode, inputs: tuple[fx.Node, ...]
    ) -> tuple[fx.Node, ...]:
        match operation:
            case op.Dropout():
                return (inputs[0],)
            case op.Linear():
                return (self._linear(to, flat, inputs[0]),)
            case op.Embedding():
                return (self._embedding(to, flat, inputs[0]),)
            case op.Conv():
                return (self._conv(to, operation, flat, inputs[0]),)
            case op.Lstm() | op.Gru():
                return self._recurrent(to, operation, flat, inputs)
            case op.BatchNorm():
                return (fixed_norm(to, inputs[0], operation, flat, self),)
            case op.Read() | op.LayerNorm():
                return (self._small(to, operation, flat, inputs),)
            case _:
                assert_never(operation)

    def _small(
        self,
        to: Emission,
        operation: op.Read | op.LayerNorm,
        flat: FlatNode,
        inputs: tuple[fx.Node, ...],
    ) -> fx.Node:
        weights = self._weights(to, flat)
        match operation:
            case op.Read():
                return weights[0]
            case op.LayerNorm(eps):
                shape = self.storages.of(flat.node.parameters[0]).parameter.shape
                return layer_norm(to, flat, self, inputs[0], weights, eps, shape)
            case _:
                assert_never(operation)

    def _linear(self, to: Emission, flat: FlatNode, x: fx.Node) -> fx.Node:
        weight, *bias = self.storages.parameters(flat)
        if self._is_float(weight):
            return to.call(F.linear, x, *self._weights(to, flat))
        given = self.weight(to, bias[0]) if bias else None
        return self._product(to, flat, x, weight, given)

    def _embedding(self, to: Emission, flat: FlatNode, ids: fx.Node) -> fx.Node:
        (weight,) = flat.node.parameters
        if self._is_float(weight):
            return to.call(F.embedding, ids, self.weight(to, weight))
        _, width = self.storages.of(weight).parameter.matrix
        return to.call(self._operation("embedding"), ids, self._packed(to, weight), width)

    def _conv(self, to: Emission, conv: op.Conv, flat: FlatNode, x: fx.Node) -> fx.Node:
        weight, *bias = self.storages.parameters(flat)
        given = self.weight(to, bias[0]) if bias else None
        if self._is_float(weight):
            full = self.weight(to, weight)
            shape = (conv.stride, conv.padding, conv.dilation)
            return to.call(operations.convolution, x, full, given, *shape, conv.groups)
        if is_pointwise(conv):
            return self._product(to, flat, x, weight, given)
        outputs, _ = self.storages.of(weight).parameter.matrix
        padding = tuple(n for pair in conv.padding for n in pair)
        geometry = (conv.kernel, conv.stride, padding, conv.dilation, conv.groups)
        operands = x, self._packed(to, weight), given, outputs, *geometry
        return to.call(self._operation("conv"), *operands, *self._rounding(to, flat))

    def _recurrent(
        self, to: Emission, operation: op.Recurrent, flat: FlatNode, inputs: tuple[fx.Node, ...]
    ) -> tuple[fx.Node, ...]:
        x, *states = inputs
        weight_ih, weight_hh, bias, *more = flat.node.parameters
        if any(self._is_float(p) for p in flat.node.parameters if self._is_matrix(p)):
            function = operations.lstm if isinstance(operation, op.Lstm) else operations.gru
            result = to.call(function, x, *states, *self._weights(to, flat))
            return unpacked(to, result, len(inputs))
        gates = self._product(to, flat, x, weight_ih, self.weight(to, bias))
        gates = to.method("transpose", gates, 0, 1)
        match operation:
            case op.Lstm():
                name, last = "lstm", self._packed(to, more[0]) if more else None
            case op.Gru():
                name, last = "gru", to.call(operations.recurrent_bias, self.weight(to, more[0]))
            case _:
                assert_never(operation)
        format = self.storages.model.states.get(flat.path)
        if isinstance(format, ActivationFormat):
            # a state has one row per example: per token and per tensor are the same
            format = ActivationFormat(PerToken())
        rounding = activation_word(format), *self._range(to, format, flat.path, "state")
        recurrent = self._packed(to, weight_hh)
        result = to.call(self._operation(name), gates, *states, recurrent, last, *rounding)
        y, *states = unpacked(to, result, len(inputs))
        return to.method("transpose", y, 0, 1), *states

    def _product(
        self, to: Emission, flat: FlatNode, x: fx.Node, weight: str, bias: fx.Node | None
    ) -> fx.Node:
        outputs, _ = self.storages.of(weight).parameter.matrix
        packed, rounding = self._packed(to, weight), self._rounding(to, flat)
        return to.call(self._operation("linear"), x, packed, bias, outputs, *rounding)

    def _rounding(self, to: Emission, flat: FlatNode) -> tuple[str | fx.Node | None, ...]:
        """How inputs are rounded: a word, and of a static range scale and zero."""
        format = self._activations.get(flat.path)
        return activation_word(format), *self._range(to, format, flat.path, "input")

    @property
    def roundings(self) -> Mapping[str, Mapping[str, Activations]]:
        return self.storages.model.roundings

    def rounded(self, to: Emission, flat: FlatNode, property: str, x: fx.Node) -> fx.Node:
        format = self.storages.model.roundings.get(property, {}).get(flat.value)
        if format is None:
            return x
        constants = self._range(to, format, flat.value, property)
        return to.call(self._operation("round"), x, activation_word(format), *constants)

    def product(
        self, to: Emission, operation: op.Einsum, flat: FlatNode, x: fx.Node, y: fx.Node
    ) -> fx.Node:
        format = self.storages.model.roundings.get("matmul", {}).get(flat.value)
        if format is None:
            return to.call(torch.einsum, operation.equation, x, y)
        sides = SIDES["matmul"]
        constants = [c for side in sides for c in self._range(to, format, flat.value, side)]
        rounding = activation_word(format), *constants
        return to.call(self._operation("matmul"), x, y, operation.equation, *rounding)

    def _range(
        self, to: Emission, format: Activations | None, path: str, name: str
    ) -> tuple[fx.Node | None, ...]:
        """Scale and zero of a static range, nothing of others."""
        if not isinstance(format, StaticFormat):
            return ()
        observer = target(self.storages.model, path, name)
        scale = to.attribute(f"{observer}.scale")
        return scale, to.attribute(f"{observer}.zero") if format.range_bytes[1] else None

    def _weights(self, to: Emission, flat: FlatNode) -> list[fx.Node]:
        return [self.weight(to, p) for p in self.storages.parameters(flat)]

    def weight(self, to: Emission, path: str) -> fx.Node:
        """The parameter as f32, of its own shape."""
        storage, key = self.storages.of(path), self.storages.key(path)
        if key not in to.weights:
            match storage.format.grid:
                case FloatGrid() if self.exact and storage.format != F32:
                    to.weights[key] = to.graph.call_module(key + QUANTIZER, (to.attribute(key),))
                case FloatGrid(FloatType.F32):
                    to.weights[key] = to.attribute(key)
                case FloatGrid():
                    to.weights[key] = to.method("to", to.attribute(key), torch.float32)
                case _:
                    matrix = storage.parameter.matrix
                    dequantize = self._operation("dequantize")
                    weight = to.call(dequantize, self._packed(to, path), *matrix)
                    to.weights[key] = to.method("reshape", weight, storage.parameter.shape)
        return to.weights[key]

    def _packed(self, to: Emission, path: str) -> fx.Node:
        key = self.storages.key(path)
        return to.attribute(f"{key}{QUANTIZER}.packed" if self.exact else key)

    def _is_float(self, path: str) -> bool:
        return self.storages.of(path).format.is_float

    def _is_matrix(self, path: str) -> bool:
        return self.storages.of(path).parameter.role is Role.WEIGHT

    def _operation(self, name: str) -> torch._ops.OpOverload:
        return qdsl_operation(name, self.overload)

    @property
    def _activations(self) -> Mapping[str, Activations]:
        return self.storages.model.activations


def is_pointwise(conv: op.Conv) -> bool:
    """Whether a position reads its own pixel only: a product of the values as they are."""
    return (
        conv.groups == 1 and {*conv.kernel, *conv.stride} == {1} and not any(map(any, conv.padding))
    )
