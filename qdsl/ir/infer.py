"""Gives the result types of an operation, or says why its inputs do not fit."""

from typing import assert_never

from qdsl.ir import op as ops
from qdsl.ir.infer_shape import ShapeError as ShapeError
from qdsl.ir.infer_shape import (
    broadcast,
    cat,
    indexed,
    padded,
    pooled,
    reduced,
    reshaped,
    stacked,
    windowed,
)
from qdsl.ir.model import TensorType
from qdsl.ir.op import Op
from qdsl.ir.shape import Dim, dim

Types = tuple[TensorType, ...]
COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})
LOGIC = frozenset({"and", "or", "not"})


def infer(op: Op, inputs: Types, parameters: tuple[tuple[int, ...], ...]) -> Types:
    """Types of the outputs; raises ShapeError. `parameters` are the shapes of the parameters."""
    match op:
        case ops.Linear() | ops.Embedding() | ops.Conv() | ops.Lstm() | ops.Gru() | ops.Read():
            return _parameterised(op, inputs, parameters)
        case ops.LayerNorm() | ops.BatchNorm():
            _dtype(inputs[0], "f32")
            _features(_last(inputs[0]), parameters[0][0])
            return (inputs[0],)
        case ops.Softmax() | ops.LogSoftmax() | ops.Dropout():
            _dtype(inputs[0], "f32")
            return (inputs[0],)
        case ops.Einsum(equation):
            return (_einsum(equation, inputs),)
        case ops.Unary() | ops.Binary() | ops.Where() | ops.Glu() | ops.Cast():
            return (_elementwise(op, inputs),)
        case ops.Scalar(value):
            return (TensorType(_scalar_dtype(value), ()),)
        case ops.Full(shape, _, dtype):
            return (TensorType(dtype, shape),)
        case ops.Range(length):
            return (TensorType("i64", (length,)),)
        case ops.Length():
            _dtype(inputs[0], "i64")
            return (inputs[0],)
        case _:
            return (_shape(op, inputs),)


def _shape(op: Op, inputs: Types) -> TensorType:  # noqa: C901 (one arm per operation)
    """Operations that only move elements, and reductions."""
    x = inputs[0]
    match op:
        case ops.Index(subscripts):
            return TensorType(x.dtype, indexed(x.shape, subscripts))
        case ops.Cat(axis):
            return TensorType(_same_dtype(inputs), cat([t.shape for t in inputs], axis))
        case ops.Stack(axis):
            return TensorType(_same_dtype(inputs), stacked([t.shape for t in inputs], axis))
        case ops.Reshape(shape):
            return TensorType(x.dtype, reshaped(x.shape, shape))
        case ops.Transpose(permutation):
            return TensorType(x.dtype, tuple(x.shape[i] for i in permutation))
        case ops.Expand(shape):
            if broadcast(x.shape, shape) != shape:
                raise ShapeError(f"cannot expand {x} to {TensorType(x.dtype, shape)}")
            return TensorType(x.dtype, shape)
        case ops.Pad(axis, before, after):
            return TensorType(x.dtype, padded(x.shape, axis, before, after))
        case ops.Reduce(function, axis, keep):
            if function == "mean":
                _dtype(x, "f32")
            return TensorType(x.dtype, reduced(x.shape, axis, keep))
        case ops.Windows(axis, size, stride):
            return TensorType(x.dtype, windowed(x.shape, axis, size, stride))
        case ops.Pool(_, axis, size, stride):
            return TensorType(x.dtype, pooled(x.shape, axis, size, stride))
        case ops.Gather():
            return TensorType(x.dtype, inputs[1].shape)
        case ops.IndexUpdate():
            return x
        case ops.RelativeShift():
            return TensorType(x.dtype, (*x.shape[:-1], (x.shape[-1] + 1) // 2))
        case _:
            raise TypeError(f"no shape rule for {type(op).__name__}")


def _elementwise(op: Op, inputs: Types) -> TensorType:
    match op:
        case ops.Unary(function):
            _dtype(inputs[0], "bool" if function == "not" else "f32", function in ("neg", "abs"))
            return inputs[0]
        case ops.Binary(function):
            dtype = _same_dtype(inputs)
            if function in LOGIC:
                _dtype(inputs[0], "bool")
            if dtype == "bool" and function not in LOGIC | COMPARISONS:
                raise ShapeError(f"`{function}` takes numbers, not bool")
            result = "bool" if function in COMPARISONS | LOGIC else dtype
            return TensorType(result, broadcast(inputs[0].shape, inputs[1].shape))
        case ops.Where():
            _dtype(inputs[0], "bool")
            dtype = _same_dtype(inputs[1:])
            values = broadcast(inputs[1].shape, inputs[2].shape)
            return TensorType(dtype, broadcast(inputs[0].shape, values))
        case ops.Glu(axis):
            return TensorType("f32", _halved(inputs[0], axis))
        case ops.Cast(dtype):
            return TensorType(dtype, inputs[0].shape)
        case _:
            raise TypeError(f"no elementwise rule for {type(op).__name__}")


def _parameterised(op: Op, inputs: Types, parameters: tuple[tuple[int, ...], ...]) -> Types:
    match op:
        case ops.Read():
            return (TensorType("f32", tuple(dim(n) for n in parameters[0])),)
        case ops.Linear():
            x, (out_features, in_features) = inputs[0], parameters[0]
            _dtype(x, "f32")
            _features(_last(x), in_features)
            return (TensorType("f32", (*x.shape[:-1], dim(out_features))),)
        case ops.Embedding():
            _dtype(inputs[0], "i64")
            return (TensorType("f32", (*inputs[0].shape, dim(parameters[0][1]))),)
        case ops.Conv():
            return (_conv(op, inputs[0], parameters[0]),)
        case ops.Lstm() | ops.Gru():
            return _recurrent(op, inputs, parameters)
        case _:
            raise TypeError(f"no rule for {type(op).__name__}")


def _recurrent(op: ops.Recurrent, inputs: Types, parameters: tuple[tuple[int, ...], ...]) -> Types:
    x, *states = inputs
    _dtype(x, "f32")
    _features(_last(x), parameters[0][1])
    if len(x.shape) != 3:
        raise ShapeError(f"`{type(op).__name__.upper()}` takes [B, T, features], not {x}")
    out = parameters[1][1]
    sizes = {"h": out, "c": op.hidden} if isinstance(op, ops.Lstm) else {"h": out}
    for (name, size), state in zip(sizes.items(), states, strict=True):
        _equal(state, TensorType("f32", (x.shape[0], dim(size))), name)
    return (TensorType("f32", (*x.shape[:2], dim(out))), *states)


def _conv(op: ops.Conv, x: TensorType, weight: tuple[int, ...]) -> TensorType:
    """PyTorch's length: floor((n + before + after - dilation·(k - 1) - 1) / stride) + 1."""
    _dtype(x, "f32")
    spatial = len(op.kernel)
    if len(x.shape) != spatial + 2:
        axes = "T" if spatial == 1 else "T, F"
        raise ShapeError(f"`Conv{spatial}d` takes [B, {axes}, channels], not {x}")
    _features(_last(x), weight[-1] * op.groups)
    lengths = [
        (n + (before + after - d * (k - 1) - 1)) // s + 1
        for n, k, s, (before, after), d in zip(
            x.shape[1:-1], op.kernel, op.stride, op.padding, op.dilation, strict=True
        )
    ]
    return TensorType("f32", (x.shape[0], *lengths, dim(weight[0])))


def _einsum(equation: str, inputs: Types) -> TensorType:
    operands, arrow, result = equation.replace(" ", "").partition("->")
    terms = operands.split(",")
    if not arrow or len(terms) != 2 or not (operands.replace(",", "") + result).isalpha():
        raise ShapeError('an equation of two tensors is written `"bthd,bshd->bhts"`')
    for term in (*terms, result):
        if len(set(term)) != len(term):
            raise ShapeError(f"an axis occurs twice in `{term}`")
    sizes: dict[str, Dim] = {}
    for term, x in zip(terms, inputs, strict=True):
        _dtype(x, "f32")
        if len(term) != len(x.shape):
            raise ShapeError(f"`{term}` names {len(term)} axes of {x}")
        for letter, size in zip(term, x.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise ShapeError(f"axis `{letter}` is {sizes[letter]} and {size}")
    if missing := [c for c in result if c not in sizes]:
        raise ShapeError(f"axis `{missing[0]}` of the result is in neither operand")
    return TensorType("f32", tuple(sizes[c] for c in result))


def _last(x: TensorType) -> Dim:
    if not x.shape:
        raise ShapeError(f"takes a tensor with features, not {x}")
    return x.shape[-1]


def _halved(x: TensorType, axis: int) -> tuple[Dim, ...]:
    _dtype(x, "f32")
    size = x.shape[axis]
    if (size // 2) * 2 != size:
        raise ShapeError(f"`glu` takes an even number of features, not {size}")
    return (*x.shape[:axis], size // 2, *x.shape[axis + 1 :])


def _features(actual: Dim, expected: int) -> None:
    if actual != dim(expected):
        raise ShapeError(f"takes {expected} features, given {actual}")


def _equal(actual: TensorType, expected: TensorType, what: str) -> None:
    if actual != expected:
        raise ShapeError(f"`{what}` is {actual}, not {expected}")


def _dtype(x: TensorType, dtype: str, numbers: bool = False) -> None:
    if x.dtype != dtype and not (numbers and x.dtype == "i64"):
        raise ShapeError(f"takes {dtype}, given {x}")


def _same_dtype(inputs: Types) -> str:
    dtypes = {t.dtype for t in inputs}
    if len(dtypes) != 1:
        listed = " and ".join(sorted(dtypes))
        raise ShapeError(f"mixes {listed}: `cast` one of them")
    return dtypes.pop()


def _scalar_dtype(value: float | int | bool | Dim) -> str:
    match value:
        case bool():
            return "bool"
        case int() | Dim():
            return "i64"
        case float():
            return "f32"
        case _:
            assert_never(value)
