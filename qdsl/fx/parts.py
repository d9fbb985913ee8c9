"""Emits softmax and layer norm, with what they compute on the way rounded where a model says so."""

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from qdsl.fx.emission import Emission, Layers
from qdsl.ir.flat import FlatNode
from qdsl.ir.ranges import NORM_PARTS, SOFTMAX_PARTS


def softmax(to: Emission, flat: FlatNode, layers: Layers, axis: int, x: fx.Node) -> fx.Node:
    """Numerator exp(x - max), denominator their sum, and the quotient."""
    if not any(flat.value in layers.roundings.get(p, {}) for p in SOFTMAX_PARTS):
        return to.call(torch.softmax, x, axis)
    top = layers.rounded(to, flat, "numerator", to.call(numerators, x, axis))
    bottom = layers.rounded(to, flat, "denominator", to.call(torch.sum, top, axis, True))
    return to.call(shares, top, bottom)


def layer_norm(
    to: Emission,
    flat: FlatNode,
    layers: Layers,
    x: fx.Node,
    weights: list[fx.Node],
    eps: float,
    shape: tuple[int, ...],
) -> fx.Node:
    """Numerator x - mean, denominator sqrt(variance + ε), the quotient, then gain and offset."""
    if not any(flat.value in layers.roundings.get(p, {}) for p in NORM_PARTS):
        return to.call(F.layer_norm, x, shape, *weights, eps)
    top = layers.rounded(to, flat, "centred", to.call(centred, x))
    bottom = layers.rounded(to, flat, "deviation", to.call(deviation, x, eps))
    quotient = layers.rounded(to, flat, "quotient", to.call(shares, top, bottom))
    gain, offset = weights
    return to.call(scaled, quotient, gain, offset)


def numerators(x: Tensor, axis: int) -> Tensor:
    """exp(x - max x) along an axis."""
    return (x - x.detach().amax(axis, keepdim=True)).exp()


def shares(top: Tensor, bottom: Tensor) -> Tensor:
    """top / bottom, and 0 where what is rounded to 0 would divide."""
    return torch.where(bottom == 0, torch.zeros_like(top), top / bottom.masked_fill(bottom == 0, 1))


def centred(x: Tensor) -> Tensor:
    """x less its mean over the last axis."""
    return x - x.mean(-1, keepdim=True)


def deviation(x: Tensor, eps: float) -> Tensor:
    """sqrt(variance + ε) over the last axis; `x.var` adds one number after the other, slowly."""
    return (centred(x).square().mean(-1, keepdim=True) + eps).sqrt()


def scaled(x: Tensor, gain: Tensor, offset: Tensor) -> Tensor:
    """x · gain + offset."""
    return x * gain + offset
