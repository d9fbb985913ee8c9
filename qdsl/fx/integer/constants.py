"""Derives the integer constants of operations from scales, by IEEE arithmetic alone.

Products of two f32 scales are exact in float64; each quotient is rounded once. Kernels and packed
programs compute these once, training at every step.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from qdsl.fx.integer import norms, polynomials
from qdsl.fx.integer.codes import STEPS
from qdsl.fx.integer.products import bias_codes
from qdsl.fx.integer.rounding import Multiplier, multiplier
from qdsl.ir.integer import GATE, UNIT

Constants = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """What constants follow from.

    Scales f32 [] of inputs and results; scales f64 [N, G] of weights; parameters f32 that stay
    floats in the file, None for a bias that there is not; `epsilon` of a norm.
    """

    inputs: tuple[Tensor, ...] = ()
    results: tuple[Tensor, ...] = ()
    weights: tuple[Tensor, ...] = ()
    floats: tuple[Tensor | None, ...] = ()
    epsilon: float = 0.0

    @property
    def result(self) -> Tensor:
        return self.results[0].double()

    def input(self, number: int) -> Tensor:
        return self.inputs[number].double()


def nothing(given: Given) -> Constants:
    return ()


def requantize(given: Given) -> Constants:
    """s_x / s_y."""
    return _one(given.input(0) / given.result)


def add(given: Given) -> Constants:
    """s_a / s_y, s_b / s_y over one denominator."""
    return _flat(torch.stack([given.input(0), given.input(1)]) / given.result)


def multiply(given: Given) -> Constants:
    """s_a·s_b / 256 / s_y."""
    return _one(given.input(0) * given.input(1) / STEPS / given.result)


def divide(given: Given) -> Constants:
    """256·s_a / s_b / s_y."""
    return _one(given.input(0) * STEPS / given.input(1) / given.result)


def from_integers(given: Given) -> Constants:
    """256 / s_y."""
    return _one(STEPS / given.result)


def einsum(given: Given) -> Constants:
    """256·s_a·s_b / s_y."""
    return _one(given.input(0) * given.input(1) * STEPS / given.result)


def linear(given: Given) -> Constants:
    """256·s_x·s_w / s_y [N, G], and the bias in units of s_x·s_w, the largest of its row."""
    units = given.input(0) * given.weights[0]
    by = multiplier(units * STEPS / given.result)
    return _bias(given, units), by.mantissa, by.shift


def embedding(given: Given) -> Constants:
    """256·s_w / s_y [R, G]."""
    by = multiplier(given.weights[0] * STEPS / given.result)
    return by.mantissa, by.shift


def layer_norm(given: Given) -> Constants:
    """2^-16·γ over a step of the result, β in steps, ε in steps of the input."""
    gain, offset = (_present(f) for f in given.floats)
    step = given.result / STEPS
    by = _each(gain.double() * 2.0**-norms.FRACTION / step)
    epsilon = norms.epsilon_codes(given.epsilon, gain.shape[0], given.inputs[0])
    return by.mantissa, by.shift, bias_codes(offset, step), epsilon


def scale_and_shift(given: Given) -> Constants:
    """γ·s_x / s_y, β in steps."""
    gain, offset = (_present(f) for f in given.floats)
    by = _each(gain.double() * given.input(0) / given.result)
    return by.mantissa, by.shift, bias_codes(offset, given.result / STEPS)


# ---- functions ---------------------------------------------------------------------------------


def fixed_point(given: Given) -> Constants:
    """A step of the argument in Q20."""
    return _one(given.input(0) / STEPS * polynomials.Q)


def silu(given: Given) -> Constants:
    """The same, and s_x·UNIT / 256 / s_y."""
    return (*fixed_point(given), *_one(given.input(0) * _unit(given) / STEPS / given.result))


def gelu(given: Given) -> Constants:
    """A step of x / √2 in Q20, and 2^-15·s_x / s_y."""
    root = torch.full_like(given.input(0), 2.0).sqrt()
    argument = _one(given.input(0) / STEPS * polynomials.Q / root)
    return (*argument, *_one(given.input(0) * 2.0**-15 / given.result))


def glu(given: Given) -> Constants:
    """s_x·UNIT / 256 / s_y."""
    return _one(given.input(0) * _unit(given) / STEPS / given.result)


def glu_polynomial(given: Given) -> Constants:
    return (*glu(given), *fixed_point(given))


# ---- recurrent layers --------------------------------------------------------------------------


def lstm(given: Given) -> Constants:
    """Of the gates, the two states, the cell, and where there is one the projection.

    Inputs are x, h, c; results y, h, c.
    """
    y, _, cell = (s.double() for s in given.results)
    unit = _unit(given)
    update = torch.stack([unit / STEPS, unit * unit / STEPS / cell])
    states = (*_one(given.input(1) / y), *_one(given.input(2) / cell))
    argument = _one(cell / _gate(given))
    found = (*_gates(given, y), *states, *_flat(update), *argument)
    if len(given.weights) == 2:
        return found
    projection = multiplier(given.weights[2] * unit * STEPS / y)
    return (*found, projection.mantissa, projection.shift)


def gru(given: Given) -> Constants:
    """Of the gates, and of the state; the input's product and that of h have one denominator each.

    Inputs are x, h; floats bias [3H] and bias_hn [H].
    """
    unit = _unit(given)
    bias, bias_hn = (_present(f) for f in given.floats)
    recurrent = torch.nn.functional.pad(bias_hn, (2 * bias_hn.shape[0], 0))
    found: Constants = _one(given.input(1) / unit)
    pairs = ((given.input(0), bias), (unit, recurrent))
    for weights, (scale, offset) in zip(given.weights, pairs, strict=True):
        units = scale * weights
        by = multiplier(units * STEPS / _gate(given))
        found = (*found, bias_codes(offset, units.amax(1)), by.mantissa, by.shift)
    return found


def _gates(given: Given, h: Tensor) -> Constants:
    """Bias, and multipliers of the groups of input and recurrent weights with one denominator."""
    units = torch.cat([given.input(0) * given.weights[0], h * given.weights[1]], 1)
    by = multiplier(units * STEPS / _gate(given))
    return bias_codes(_present(given.floats[0]), units.amax(1)), by.mantissa, by.shift


# ---- parts -------------------------------------------------------------------------------------


def _one(real: Tensor) -> Constants:
    """[], so that results have the shape of what they are computed from."""
    by = multiplier(real.view(1)).each()
    return by.mantissa, by.shift


def _flat(real: Tensor) -> Constants:
    """Several with one shift []."""
    by = multiplier(real)
    return by.mantissa, by.shift[0]


def _each(real: Tensor) -> Multiplier:
    return multiplier(real.unsqueeze(-1)).each()


def _bias(given: Given, units: Tensor) -> Tensor:
    """Zeros where there is no bias."""
    bias = given.floats[0] if given.floats else None
    if bias is None:
        return units.new_zeros(units.shape[0], dtype=torch.int32)
    return bias_codes(bias, units.amax(1))


def _present(value: Tensor | None) -> Tensor:
    assert value is not None
    return value


def _unit(given: Given) -> Tensor:
    return given.inputs[0].new_full((), UNIT).double()


def _gate(given: Given) -> Tensor:
    return given.inputs[0].new_full((), GATE).double()
