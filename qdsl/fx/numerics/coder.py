"""Defines what a grid of codes does with groups of weights, and the gradient all grids share."""

from typing import Any, Protocol

from torch import Tensor, autograd


class Coder(Protocol):
    """Weights [R, G, L] to codes and back, given scale and zero [R, G, 1]; without gradients."""

    def encode(self, groups: Tensor, scale: Tensor, zero: Tensor | None) -> Tensor:
        """Codes f32 [R, G, L] of integers."""
        ...

    def decode(self, codes: Tensor, scale: Tensor, zero: Tensor | None) -> Tensor:
        """What the codes stand for, f32 [R, G, L]; each step rounded."""
        ...


class Rounder(Coder, Protocol):
    """A coder whose codes are positions w/s + z, rounded."""

    @property
    def stores_product(self) -> bool:
        """Whether what is stored of a zero is its product with the scale."""
        ...

    def passing(
        self, gradient: Tensor, groups: Tensor, scale: Tensor, zero: Tensor | None
    ) -> Tensor:
        """The gradient where the rounded, unclamped code is one of the grid, else 0."""
        ...


def through(groups: Tensor, scale: Tensor, zero: Tensor | None, rounder: Rounder) -> Tensor:
    """`decode(encode(groups))` f32 [R, G, L] with rounding straight through.

    With v = w/s, position of the weight, ŵ = s·q̂ and q̂ the value of its code: inside the grid the
    gradient of w is 1 and that of s is q̂ - v, outside they are 0 and q̂. A zero z has -s outside,
    its product zs with the scale -1 outside, and each nothing inside.
    """
    result: Tensor = _Through.apply(groups, scale, zero, rounder)  # type: ignore[no-untyped-call]
    return result


class _Through(autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, groups: Tensor, scale: Tensor, zero: Tensor | None, rounder: Rounder
    ) -> Tensor:
        result = rounder.decode(rounder.encode(groups, scale, zero), scale, zero)
        ctx.save_for_backward(groups, scale, zero, result)
        ctx.rounder = rounder
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None, None]:
        groups, scale, zero, result = ctx.saved_tensors
        rounder: Rounder = ctx.rounder
        (given,) = gradients
        inner = rounder.passing(given, groups, scale, zero)
        if not ctx.needs_input_grad[1]:
            return inner, None, None, None
        # Σ g·(ŵ - inside·w) is s times the gradient of s
        terms = (given * result).addcmul_(inner, groups, value=-1)
        by_scale = terms.sum(-1, keepdim=True)
        if zero is None:
            return inner, by_scale / scale, None, None
        outer = given.sum(-1, keepdim=True) - inner.sum(-1, keepdim=True)
        if rounder.stores_product:
            return inner, (by_scale + zero * outer) / scale, -outer, None
        return inner, by_scale / scale, -scale * outer, None
