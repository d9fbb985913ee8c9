"""Lists the operations of integer programs: what each takes, computes, and derives from scales.

An operation takes codes, then weights, tables and constants, then numbers that the graph knows.
`run` takes weights as centred codes [N, K]; `qdsl::integer_*` takes them as packed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from qdsl.fx import operations
from qdsl.fx.integer import (
    arithmetic,
    constants,
    embeddings,
    norms,
    polynomials,
    products,
    recurrent,
    softmax,
    tables,
)
from qdsl.fx.integer.codes import narrow, requantized
from qdsl.fx.integer.rounding import Multiplier

Result = Tensor | tuple[Tensor, ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """`schema` is that of `qdsl::integer_<name>`; `shape` gives an empty result of meta tensors.

    `weights` counts those it takes. `listed`: weights, tables and constants are given as lists.
    """

    schema: str
    constants: Callable[[constants.Given], tuple[Tensor, ...]]
    run: Callable[..., Result]
    shape: Callable[..., Result] | None = None
    codes: int = 1
    weights: int = 0
    listed: bool = False

    def arguments(
        self,
        codes: Sequence[Any],
        weights: Sequence[Any],
        tables: Sequence[Any],
        constants: Sequence[Any],
        statics: Sequence[Any],
    ) -> tuple[Any, ...]:
        """In the order of the schema."""
        if self.listed:
            return (*codes, list(weights), list(tables), list(constants), *statics)
        return (*codes, *weights, *tables, *constants, *statics)


# ---- what runs ---------------------------------------------------------------------------------


def _requantize(x: Tensor, m: Tensor, e: Tensor) -> Tensor:
    return requantized(x, Multiplier(m, e))


def _add(a: Tensor, b: Tensor, m: Tensor, e: Tensor, sign: int) -> Tensor:
    return arithmetic.add(a, b, Multiplier(m, e), sign)


def _multiply(a: Tensor, b: Tensor, m: Tensor, e: Tensor) -> Tensor:
    return arithmetic.multiply(a, b, Multiplier(m, e))


def _divide(a: Tensor, b: Tensor, m: Tensor, e: Tensor) -> Tensor:
    return arithmetic.divide(a, b, Multiplier(m, e))


def _sum(x: Tensor, m: Tensor, e: Tensor, axis: int, keep: bool) -> Tensor:
    return arithmetic.total(x, axis, keep, Multiplier(m, e))


def _pool_mean(x: Tensor, axis: int, size: int, stride: int) -> Tensor:
    return arithmetic.mean(x.unfold(axis, size, stride), -1, False)


def _from_integers(x: Tensor, m: Tensor, e: Tensor) -> Tensor:
    return arithmetic.from_integers(x, Multiplier(m, e))


def _linear(x: Tensor, weight: Tensor, bias: Tensor, m: Tensor, e: Tensor, size: int) -> Tensor:
    return products.linear(narrow(x), weight, bias, Multiplier(m, e), size)


def _conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    m: Tensor,
    e: Tensor,
    size: int,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    rows = _patches(narrow(x), kernel, stride, padding, dilation)
    if groups > 1:
        rows = operations.grouped_rows(rows, groups, x.shape[-1])
    return products.linear(rows, weight, bias, Multiplier(m, e), size, groups)


def _patches(
    x: Tensor,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> Tensor:
    """Rows of a convolution; an operation takes its pairs of padding one after the other."""
    pairs = tuple(zip(padding[::2], padding[1::2], strict=True))
    return operations.patches(x, tuple(kernel), tuple(stride), pairs, tuple(dilation))


def _einsum(a: Tensor, b: Tensor, m: Tensor, e: Tensor, equation: str) -> Tensor:
    return products.einsum(equation, narrow(a), narrow(b), Multiplier(m, e))


def _embedding(ids: Tensor, weight: Tensor, m: Tensor, e: Tensor, size: int, width: int) -> Tensor:
    return embeddings.embedding(ids, weight, Multiplier(m, e), size)


def _layer_norm(x: Tensor, m: Tensor, e: Tensor, offset: Tensor, epsilon: Tensor) -> Tensor:
    return norms.layer_norm(x, Multiplier(m, e), offset, epsilon)


def _scale_and_shift(x: Tensor, m: Tensor, e: Tensor, offset: Tensor) -> Tensor:
    return arithmetic.scale_and_shift(x, Multiplier(m, e), offset)


def _softmax(x: Tensor, table: Tensor, axis: int) -> Tensor:
    return softmax.by_table(x, axis, table)


def _softmax_polynomial(x: Tensor, m: Tensor, e: Tensor, axis: int) -> Tensor:
    return softmax.by_polynomial(x, axis, Multiplier(m, e))


def _sigmoid(x: Tensor, m: Tensor, e: Tensor) -> Tensor:
    return polynomials.sigmoid(x, Multiplier(m, e))


def _tanh(x: Tensor, m: Tensor, e: Tensor) -> Tensor:
    return polynomials.tanh(x, Multiplier(m, e))


def _silu(x: Tensor, m: Tensor, e: Tensor, m_y: Tensor, e_y: Tensor) -> Tensor:
    return polynomials.silu(x, Multiplier(m, e), Multiplier(m_y, e_y))


def _gelu(x: Tensor, m: Tensor, e: Tensor, m_y: Tensor, e_y: Tensor) -> Tensor:
    return polynomials.gelu(x, Multiplier(m, e), Multiplier(m_y, e_y))


def _glu(x: Tensor, table: Tensor, m: Tensor, e: Tensor, axis: int) -> Tensor:
    first, gate = x.chunk(2, axis)
    return arithmetic.multiply(first, tables.looked_up(gate, table), Multiplier(m, e))


def _glu_polynomial(x: Tensor, m: Tensor, e: Tensor, m_x: Tensor, e_x: Tensor, axis: int) -> Tensor:
    first, gate = x.chunk(2, axis)
    squashed = polynomials.sigmoid(gate, Multiplier(m_x, e_x))
    return arithmetic.multiply(first, squashed, Multiplier(m, e))


# ---- shapes of what cannot run on meta tensors -------------------------------------------------


def _linear_shape(x: Tensor, weight: Tensor, bias: Tensor, *rest: Any) -> Tensor:
    return x.new_empty((*x.shape[:-1], bias.shape[0]))


def _conv_shape(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    m: Tensor,
    e: Tensor,
    size: int,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    rows = _patches(x, kernel, stride, padding, dilation)
    return x.new_empty((*rows.shape[:-1], bias.shape[0]))


def _embedding_shape(
    ids: Tensor, weight: Tensor, m: Tensor, e: Tensor, size: int, width: int
) -> Tensor:
    return ids.new_empty((*ids.shape, width), dtype=torch.int16)


def _same_shape(x: Tensor, *rest: Any) -> Tensor:
    return torch.empty_like(x)


def _lstm_shape(x: Tensor, h: Tensor, c: Tensor, *rest: Any) -> tuple[Tensor, Tensor, Tensor]:
    y = h.new_empty((*x.shape[:2], h.shape[1]))
    return y, torch.empty_like(h), torch.empty_like(c)


def _gru_shape(x: Tensor, h: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    return h.new_empty((*x.shape[:2], h.shape[1])), torch.empty_like(h)


# ---- all of them -------------------------------------------------------------------------------

_X, _AB, _ME = "Tensor x", "Tensor a, Tensor b", "Tensor mantissa, Tensor shift"
_Y = "Tensor result_mantissa, Tensor result_shift"
_WEIGHT = f"Tensor weight, Tensor bias, {_ME}, int size"
_CONV = "int[] kernel, int[] stride, int[] padding, int[] dilation, int groups"
_LISTS = "Tensor[] weights, Tensor[] tables, Tensor[] constants, int[] sizes"
_A = "Tensor argument_mantissa, Tensor argument_shift"


def _one(
    arguments: str,
    derive: Callable[[constants.Given], tuple[Tensor, ...]],
    run: Callable[..., Result],
    shape: Callable[..., Result] | None = None,
    **counts: Any,
) -> Operation:
    return Operation(f"({arguments}) -> Tensor", derive, run, shape, **counts)


OPERATIONS: Mapping[str, Operation] = {
    "requantize": _one(f"{_X}, {_ME}", constants.requantize, _requantize),
    "add": _one(f"{_AB}, {_ME}, int sign", constants.add, _add, codes=2),
    "multiply": _one(f"{_AB}, {_ME}", constants.multiply, _multiply, codes=2),
    "divide": _one(f"{_AB}, {_ME}", constants.divide, _divide, codes=2),
    "sum": _one(f"{_X}, {_ME}, int axis, bool keep", constants.requantize, _sum),
    "mean": _one(f"{_X}, int axis, bool keep", constants.nothing, arithmetic.mean),
    "pool_mean": _one(f"{_X}, int axis, int size, int stride", constants.nothing, _pool_mean),
    "from_integers": _one(f"{_X}, {_ME}", constants.from_integers, _from_integers),
    "from_truth": _one(_X, constants.nothing, arithmetic.from_truth),
    "linear": _one(f"{_X}, {_WEIGHT}", constants.linear, _linear, _linear_shape, weights=1),
    "conv": _one(f"{_X}, {_WEIGHT}, {_CONV}", constants.linear, _conv, _conv_shape, weights=1),
    "einsum": _one(f"{_AB}, {_ME}, str equation", constants.einsum, _einsum, codes=2),
    "embedding": _one(
        f"Tensor ids, Tensor weight, {_ME}, int size, int width",
        constants.embedding,
        _embedding,
        _embedding_shape,
        weights=1,
    ),
    "layer_norm": _one(
        f"{_X}, {_ME}, Tensor offset, Tensor epsilon",
        constants.layer_norm,
        _layer_norm,
        _same_shape,
    ),
    "scale_and_shift": _one(
        f"{_X}, {_ME}, Tensor offset", constants.scale_and_shift, _scale_and_shift
    ),
    "table": _one(f"{_X}, Tensor table", constants.nothing, tables.looked_up),
    "softmax": _one(f"{_X}, Tensor table, int axis", constants.nothing, _softmax),
    "softmax_polynomial": _one(
        f"{_X}, {_ME}, int axis", constants.fixed_point, _softmax_polynomial
    ),
    "sigmoid": _one(f"{_X}, {_ME}", constants.fixed_point, _sigmoid),
    "tanh": _one(f"{_X}, {_ME}", constants.fixed_point, _tanh),
    "silu": _one(f"{_X}, {_ME}, {_Y}", constants.silu, _silu),
    "gelu": _one(f"{_X}, {_ME}, {_Y}", constants.gelu, _gelu),
    "glu": _one(f"{_X}, Tensor table, {_ME}, int axis", constants.glu, _glu),
    "glu_polynomial": _one(
        f"{_X}, {_ME}, {_A}, int axis", constants.glu_polynomial, _glu_polynomial
    ),
    "lstm": Operation(
        f"({_X}, Tensor h, Tensor c, {_LISTS}) -> (Tensor, Tensor, Tensor)",
        constants.lstm,
        recurrent.lstm,
        _lstm_shape,
        codes=3,
        weights=2,
        listed=True,
    ),
    "gru": Operation(
        f"({_X}, Tensor h, {_LISTS}) -> (Tensor, Tensor)",
        constants.gru,
        recurrent.gru,
        _gru_shape,
        codes=2,
        weights=2,
        listed=True,
    ),
}
