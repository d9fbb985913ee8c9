"""Corrects what Triton's interpreter gets wrong: bf16, which it computes with as with integers.

It holds bf16 in the bits of u16. Stock 3.6 multiplies and adds those bits, and cuts f32 off instead
of rounding it. It also fails with numpy 2.4 and later, where an array of one number is no index.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import triton.language as tl
from triton.runtime import interpreter

from qdsl_gpu.devices import INTERPRETER

Array = Any
Handle = interpreter.TensorHandle
Builder = interpreter.InterpreterBuilder


def to_floats(bits: Array) -> Array:
    """bf16 in u16 → f32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def to_bits(values: Array) -> Array:
    """f32 → the nearest bf16 in u16, ties to even; every NaN is 0x7fc0."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32).astype(np.uint64)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    return np.where(np.isnan(values), 0x7FC0, rounded).astype(np.uint16)


def _is_bf16(handle: Any) -> bool:
    return bool(handle.dtype.scalar == tl.bfloat16)


def _wide(handle: Any) -> Any:
    """The same numbers as f32, where they are bf16."""
    return Handle(to_floats(handle.data), tl.float32) if _is_bf16(handle) else handle


def _cast(stock: Callable[..., Any]) -> Callable[..., Any]:
    def cast(self: Any, source: Any, type: Any, *rest: Any) -> Any:
        wide = _wide(source)
        if type.scalar != tl.bfloat16:
            # a comparison of integers says it is one, and holds truths
            return stock(self, wide, type, *rest)
        return Handle(to_bits(wide.data.astype(np.float32)), tl.bfloat16)

    return cast


def _binary(stock: Callable[..., Any]) -> Callable[..., Any]:
    def binary(self: Any, left: Any, right: Any, function: Any) -> Any:
        with np.errstate(all="ignore"):  # what is not finite is no mistake
            if not _is_bf16(left):
                return stock(self, left, right, function)
            result = function(_wide(left).data, _wide(right).data)
        is_float = result.dtype == np.float32  # a comparison has none
        return Handle(to_bits(result), tl.bfloat16) if is_float else Handle(result, tl.int1)

    return binary


def _dot(stock: Callable[..., Any]) -> Callable[..., Any]:
    def dot(self: Any, a: Any, b: Any, *rest: Any) -> Any:
        return stock(self, _wide(a), _wide(b), *rest)

    return dot


def _language(stock: Callable[..., Any]) -> Callable[..., Any]:
    def patch(tensor: Any, scope: Any) -> None:
        stock(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))

    return patch


def correct() -> None:
    """Replaces the methods of the interpreter that are wrong, and tells the back end."""
    INTERPRETER.is_right = True
    Builder.cast_impl = _cast(Builder.cast_impl)
    Builder.create_fp_to_fp = _cast(Builder.create_fp_to_fp)
    Builder.binary_op = _binary(Builder.binary_op)
    Builder.create_dot = _dot(Builder.create_dot)
    Builder.get_bf16 = lambda self, value: Handle(to_bits(np.array([value])), tl.bfloat16)
    interpreter._patch_lang_tensor = _language(interpreter._patch_lang_tensor)
