"""Defines the operations `qdsl::` on packed weights, with their shapes, and registers back ends.

Each operation has two overloads: `default`, which back ends implement for their devices, and
`reference`, plain torch on any device, which the others are held to. `gru` and `conv` of one group
are steps of `linear` where a back end has none of its own. A `weight` is the u8 tensor that the
back end's `repack` made, for `integer_*` too, which is the reference where a back end has none.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.library import Library

from qdsl.diagnostic.model import QdslError, error
from qdsl.fx.integer.registered import integers
from qdsl.fx.packed_convolution import convolution
from qdsl.fx.recurrence import packed_gru
from qdsl.fx.reference import BACKEND, IMPLEMENTATIONS
from qdsl.target import REFERENCE, Availability, Backend, backends, installed

_SCHEMAS = {
    "linear": "(Tensor x, Tensor weight, Tensor? bias, int out_features, str activations,"
    " Tensor? scale=None, Tensor? zero=None, bool relu=False, Tensor? residual=None) -> Tensor",
    "conv": "(Tensor x, Tensor weight, Tensor? bias, int out_channels, int[] kernel,"
    " int[] stride, int[] padding, int[] dilation, int groups, str activations,"
    " Tensor? scale=None, Tensor? zero=None) -> Tensor",
    "embedding": "(Tensor ids, Tensor weight, int embedding_dim) -> Tensor",
    "dequantize": "(Tensor weight, int outputs, int in_features) -> Tensor",
    "lstm": "(Tensor gates, Tensor h0, Tensor c0, Tensor weight_hh, Tensor? weight_hr, str state,"
    " Tensor? scale=None, Tensor? zero=None) -> (Tensor, Tensor, Tensor)",
    "gru": "(Tensor gates, Tensor h0, Tensor weight_hh, Tensor bias, str state,"
    " Tensor? scale=None, Tensor? zero=None) -> (Tensor, Tensor)",
    "matmul": "(Tensor x, Tensor y, str equation, str activations, Tensor? left_scale=None,"
    " Tensor? left_zero=None, Tensor? right_scale=None, Tensor? right_zero=None) -> Tensor",
    "round": "(Tensor x, str activations, Tensor? scale=None, Tensor? zero=None) -> Tensor",
}


def _linear(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    out_features: int,
    activations: str,
    *rest: Any,
) -> Tensor:
    return x.new_empty((*x.shape[:-1], out_features))


def _conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    out_channels: int,
    kernel: list[int],
    stride: list[int],
    padding: list[int],
    dilation: list[int],
    groups: int,
    activations: str,
    *range: Tensor | None,
) -> Tensor:
    around = zip(padding[::2], padding[1::2], strict=True)
    axes = zip(x.shape[1:-1], kernel, stride, around, dilation, strict=True)
    sizes = ((n + sum(p) - (k - 1) * d - 1) // s + 1 for n, k, s, p, d in axes)
    return x.new_empty((x.shape[0], *sizes, out_channels))


def _embedding(ids: Tensor, weight: Tensor, embedding_dim: int) -> Tensor:
    return ids.new_empty((*ids.shape, embedding_dim), dtype=torch.float32)


def _dequantize(weight: Tensor, outputs: int, in_features: int) -> Tensor:
    return weight.new_empty((outputs, in_features), dtype=torch.float32)


def _lstm(
    gates: Tensor,
    h0: Tensor,
    c0: Tensor,
    weight_hh: Tensor,
    weight_hr: Tensor | None,
    state: str,
    *range: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    y = gates.new_empty((*gates.shape[:2], h0.shape[1]))
    return y, torch.empty_like(h0), torch.empty_like(c0)


def _gru(
    gates: Tensor,
    h0: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    state: str,
    *range: Tensor | None,
) -> tuple[Tensor, Tensor]:
    return gates.new_empty((*gates.shape[:2], h0.shape[1])), torch.empty_like(h0)


def _matmul(
    x: Tensor, y: Tensor, equation: str, activations: str, *ranges: Tensor | None
) -> Tensor:
    return torch.einsum(equation, x, y).contiguous()


def _round(x: Tensor, activations: str, *range: Tensor | None) -> Tensor:
    return torch.empty_like(x)


_FAKES = {
    "linear": _linear,
    "conv": _conv,
    "embedding": _embedding,
    "dequantize": _dequantize,
    "lstm": _lstm,
    "gru": _gru,
    "matmul": _matmul,
    "round": _round,
}


def _composed_gru(
    gates: Tensor,
    h0: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    state: str,
    *range: Tensor | None,
) -> tuple[Tensor, Tensor]:
    linear = operation("linear", "default")
    return packed_gru(linear, gates, h0, weight_hh, bias, state, *range)


def _composed_conv(x: Tensor, *given: Any) -> Tensor:
    return convolution(operation("linear", "default"), x, *given)


def _define() -> Library:
    library = Library("qdsl", "DEF")  # type: ignore[no-untyped-call]
    # torch has no types for these
    define: Callable[..., Any] = library.define
    implement: Callable[..., Any] = library.impl
    for name, schema in _SCHEMAS.items():
        for overload in (name, f"{name}.{REFERENCE}"):
            define(overload + schema)
            implement(overload, _FAKES[name], "Meta")
        implement(f"{name}.{REFERENCE}", IMPLEMENTATIONS[name], "CompositeExplicitAutograd")
    implement("gru", _composed_gru, "CompositeExplicitAutograd")
    implement("conv", _composed_conv, "CompositeExplicitAutograd")
    for name, integer in integers().items():
        for overload in (name, f"{name}.{REFERENCE}"):
            define(overload + integer.schema)
            implement(overload, integer.shape, "Meta")
            implement(overload, integer.run, "CompositeExplicitAutograd")
    return library


LIBRARY = _define()


def operation(name: str, overload: str) -> torch._ops.OpOverload:
    """`qdsl::name` of that overload, `default` or `reference`."""
    found: torch._ops.OpOverload = getattr(getattr(torch.ops.qdsl, name), overload)
    return found


def backend(name: str) -> Backend:
    """The back end of that name, its operations registered; raises QdslError (Q502, Q503)."""
    if name == REFERENCE:
        return BACKEND
    found = installed().get(name)
    if found is None:
        known = ", ".join(f"`{n}`" for n in sorted({*installed(), REFERENCE}))
        raise QdslError([error("Q502", f"no back end `{name}`", help=f"known: {known}")])
    state = found if isinstance(found, Availability) else found.availability()
    if isinstance(found, Availability) or not state.available:
        message = f"back end `{name}` is not available: {state.reason}"
        raise QdslError([error("Q503", message)])
    _register(name)
    return found


@cache
def _register(name: str) -> None:
    backends()[name].register(LIBRARY)
