"""Bounds how far a packed layer may be from the reference on the same inputs."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from qdsl.fx import operations
from qdsl.fx.activations import to_bf16
from qdsl.fx.numerics.quantize import scale_shape
from qdsl.fx.observer import Observer
from qdsl.fx.program import Program
from qdsl.fx.quantizer import QUANTIZER, Quantizer
from qdsl.fx.ranges import target
from qdsl.fx.storages import Storages
from qdsl.ir import op
from qdsl.ir.flat import FlatNode
from qdsl.ir.format import F32, Activations, FloatFormat, StaticFormat, are_integers

UNIT = 2.0**-24
STEP = 2.0**-8  # a bf16 of at most 1 and the next one are no further apart
FLUSHED = 2.0**-125  # what products of bf16 below the normal floats may lose, times the weight
EXACT = torch.zeros((), dtype=torch.float64)
Weights = Callable[[str], Tensor]  # the dequantized parameter of a path, in its own shape


def bounds(exact: Program, flat: FlatNode, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """Bound of each element of each result, float64.

    0 for integer activations and for weights that are read; else (G + 4)·2^-24·Σ|x·w| with G
    scales a row, taken over every product x·w of the sum and the bias, x as it is rounded.
    """
    storages = Storages(exact.ir)
    operation, parameters = flat.node.op, storages.parameters(flat)
    weights = partial(_weight, exact, storages)
    match operation:
        case op.Linear():
            return (_product(storages, weights, flat, inputs[0], parameters),)
        case op.Conv(_, stride, padding, dilation, groups):
            format = storages.model.activations.get(flat.path)
            if are_integers(format):
                return (EXACT,)
            weight, *bias = (weights(p).abs().double() for p in parameters)
            unit = _unit(storages, parameters[0])
            x, given = _operand(inputs[0], format, unit), bias[0] if bias else None
            sums = operations.convolution(x, weight, given, stride, padding, dilation, groups)
            return (unit * sums,)
        case op.Lstm():
            return _lstm(storages, weights, flat, inputs, _state_step(exact, flat, 1 / 127))
        case op.Gru():
            # codes of a dynamic range are as far apart as its largest value says
            largest = inputs[1].abs().amax(-1, keepdim=True) / 127
            return _gru(storages, weights, flat, inputs, _state_step(exact, flat, largest))
        case op.Einsum(equation):
            format = storages.model.roundings.get("matmul", {}).get(flat.value)
            if not isinstance(format, FloatFormat):
                return (EXACT,)
            x, y = (_operand(i, format, 5 * UNIT) for i in inputs)
            return (5 * UNIT * torch.einsum(equation, x, y),)
        case _:
            return (EXACT,)


def _state_step(exact: Program, flat: FlatNode, dynamic: Tensor | float) -> Tensor | float:
    """How far two codes of a rounded state are from each other."""
    format = exact.ir.states.get(flat.path)
    if isinstance(format, FloatFormat):
        return STEP
    if not isinstance(format, StaticFormat):
        return dynamic
    observer = exact.get_submodule(target(exact.ir, flat.path, "state"))
    assert isinstance(observer, Observer)
    return observer.scale_and_zero()[0]


def _weight(exact: Program, storages: Storages, path: str) -> Tensor:
    """The parameter as exact mode has it."""
    storage, key = storages.of(path), storages.key(path)
    if storage.format == F32:
        return exact.get_parameter(key).detach()
    quantizer = exact.get_submodule(key + QUANTIZER)
    assert isinstance(quantizer, Quantizer)
    return quantizer.dequantized().view(storage.parameter.shape)


def _product(
    storages: Storages,
    weights: Weights,
    flat: FlatNode,
    x: Tensor,
    parameters: tuple[str, ...],
) -> Tensor:
    format = storages.model.activations.get(flat.path)
    if are_integers(format):
        return EXACT
    unit = _unit(storages, parameters[0])
    return unit * _magnitude(_operand(x, format, unit), *(weights(p) for p in parameters))


def _operand(x: Tensor, format: Activations | None, unit: float) -> Tensor:
    """|x| in float64 as a product of floats meets it, and what `unit` of it has to allow for."""
    if not isinstance(format, FloatFormat):
        return x.abs().double()
    return to_bf16(x).abs().double() + FLUSHED / unit


def _magnitude(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Σ|x·w| + |b| in float64."""
    given = None if bias is None else bias.abs().double()
    return F.linear(x.abs().double(), weight.abs().double(), given)


def _unit(storages: Storages, path: str) -> float:
    storage = storages.of(path)
    _, groups = scale_shape(storage.parameter.matrix, storage.format)
    return (groups + 4) * UNIT


def _lstm(
    storages: Storages,
    weights: Weights,
    flat: FlatNode,
    inputs: tuple[Tensor, ...],
    apart: Tensor | float,
) -> tuple[Tensor, ...]:
    """One step, T = 1: the error of the gates carried through the cell.

    Slopes are at most ¼ for the sigmoid and 1 for tanh; 8 units are for the roundings of the cell.
    """
    x, h, c = inputs
    weight_ih, weight_hh, bias, *weight_hr = flat.node.parameters
    gates = _product(storages, weights, flat, x[:, 0], (weight_ih, bias))
    format = storages.model.states.get(flat.path)
    if not are_integers(format):
        unit = _unit(storages, weight_hh)
        gates = gates + unit * _magnitude(_operand(h, format, unit), weights(weight_hh))
    hidden = c.shape[1]
    i, f, g, o = gates.expand(c.shape[0], 4 * hidden).chunk(4, -1)
    cell = f / 4 * c.abs() + i / 4 + g + 8 * UNIT * (1 + c.abs()) * (gates.any())
    state = o / 4 + cell
    if weight_hr:
        projection = weights(weight_hr[0]).abs().double()
        if format is not None:
            # a state near a tie may take the next code
            state = torch.where(state > 0, state + apart, 0.0)
        state = F.linear(state, projection)
        if not are_integers(format):
            state = state + _unit(storages, weight_hr[0]) * projection.sum(-1)
    return state.unsqueeze(1), state, cell


def _gru(
    storages: Storages,
    weights: Weights,
    flat: FlatNode,
    inputs: tuple[Tensor, ...],
    apart: Tensor | float,
) -> tuple[Tensor, ...]:
    """As `_lstm`; the error of r counts as often as the recurrent product of n is large."""
    x, h = inputs
    weight_ih, weight_hh, bias, bias_hn = flat.node.parameters
    gates = _product(storages, weights, flat, x[:, 0], (weight_ih, bias))
    format, unit = storages.model.states.get(flat.path), _unit(storages, weight_hh)
    # a state rounded to integers is at most half a code larger
    largest = h.abs() + apart / 2 if are_integers(format) else _operand(h, format, unit)
    bias_hh = operations.recurrent_bias(weights(bias_hn))
    recurrent = _magnitude(largest, weights(weight_hh), bias_hh)
    if not are_integers(format):
        gates = gates + unit * recurrent
    r, z, n = gates.expand_as(recurrent).chunk(3, -1)
    _, _, hn = recurrent.chunk(3, -1)
    size = 1 + h.abs()
    state = n + r / 4 * hn + z / 4 * size + 8 * UNIT * (size + hn) * gates.any()
    return state.unsqueeze(1), state
