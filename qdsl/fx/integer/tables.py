"""Makes functions of one value into tables of 256 entries, one for each int8 code of the argument.

An entry t is an int8 code of the result: its int16 code is 256·t. Between two codes of the argument
the result is on the line between their entries. Entries are made in float64 with the functions of
the C library, whose last bit differs between machines: so files have them.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from qdsl.fx.integer.codes import NARROW_MAX, STEPS

ENTRIES = 256


def _gelu(x: Tensor) -> Tensor:
    result: Tensor = x / 2 * (1 + torch.special.erf(x / 2**0.5))
    return result


FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "sigmoid": lambda x: 1 / (1 + torch.exp(-x)),
    "tanh": torch.tanh,
    "silu": lambda x: x / (1 + torch.exp(-x)),
    "gelu": _gelu,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "sin": torch.sin,
    "cos": torch.cos,
}


def table(function: str, argument: Tensor, result: Tensor) -> Tensor:
    """u8 [256]: entry c + 128 is the code + 128 of f(c · argument) for scales f32 []."""
    codes = torch.arange(-128, 128, device=argument.device).double()
    values = FUNCTIONS[function](codes * argument.double()) / result.double()
    # a logarithm of what is not positive is as small as can be, a root 0
    if function == "log":
        values = torch.where(codes <= 0, -NARROW_MAX, values)
    rounded = torch.round(values.nan_to_num(0.0)).clamp(-NARROW_MAX, NARROW_MAX)
    return (rounded + 128).to(torch.uint8)


def looked_up(codes: Tensor, entries: Tensor) -> Tensor:
    """int16 codes of the result for int16 codes of the argument, on lines between entries.

    For q = 256·i + r: 256·t(i) + (t(i + 1) - t(i))·r, an integer; behind the last entry as there.
    """
    return _between(codes.long() + 128 * STEPS, entries, 128).to(torch.int16)


def decayed(steps: Tensor, entries: Tensor) -> Tensor:
    """Numerators i64 up to 255·256 of a softmax for i64 distances 0 to 65535, in the same way."""
    return _between(steps, entries, 0)


def _between(position: Tensor, entries: Tensor, zero: int) -> Tensor:
    index, rest = position >> 8, position & (STEPS - 1)
    first = entries[index].long() - zero
    second = entries[(index + 1).clamp(max=ENTRIES - 1)].long() - zero
    return first * STEPS + (second - first) * rest


def decay_table(scale: Tensor) -> Tensor:
    """u8 [256]: entry i is round(255 · exp(-i · scale)), the numerators of a softmax."""
    steps = torch.arange(ENTRIES, device=scale.device).double()
    return torch.round(255 * torch.exp(-steps * scale.double())).to(torch.uint8)
