"""Gives the operations of the library as `qdsl::` has them: over packed weights, with shapes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from qdsl.fx.integer import codes
from qdsl.fx.integer.library import OPERATIONS, Operation, Result
from qdsl.fx.integer.weights import packed_codes


@dataclass(frozen=True, slots=True)
class Registered:
    """A schema, what runs on any device, and what gives the shape on meta tensors."""

    schema: str
    run: Callable[..., Result]
    shape: Callable[..., Result]


def integers() -> Mapping[str, Registered]:
    """All of them by name in `qdsl::`."""
    found = {f"integer_{name}": _registered(o) for name, o in OPERATIONS.items()}
    scale = "(Tensor x, Tensor scale) -> Tensor"
    return {
        **found,
        "integer_quantize": _plain(scale, codes.quantize, _quantized_shape),
        "integer_dequantize": _plain(scale, codes.dequantize, _dequantized_shape),
    }


def _registered(operation: Operation) -> Registered:
    run = partial(_over_packed, operation) if operation.weights else operation.run
    shape = operation.shape or operation.run
    return _plain(operation.schema, run, shape)


def _plain(schema: str, run: Callable[..., Result], shape: Callable[..., Result]) -> Registered:
    return Registered(schema, partial(_laid_out, run), partial(_laid_out, shape))


def _laid_out(run: Callable[..., Result], *arguments: Any) -> Result:
    """Contiguous, so that kernels need not follow the strides of what they are given."""
    found = run(*arguments)
    if isinstance(found, Tensor):
        return found.contiguous()
    return tuple(t.contiguous() for t in found)


def _over_packed(operation: Operation, *arguments: Any) -> Result:
    first, given = operation.codes, list(arguments)
    if operation.listed:
        given[first] = [packed_codes(w) for w in given[first]]
    else:
        end = first + operation.weights
        given[first:end] = [packed_codes(w) for w in given[first:end]]
    return operation.run(*given)


def _quantized_shape(x: Tensor, scale: Tensor) -> Tensor:
    return torch.empty_like(x, dtype=torch.int16)


def _dequantized_shape(x: Tensor, scale: Tensor) -> Tensor:
    return torch.empty_like(x, dtype=torch.float32)
