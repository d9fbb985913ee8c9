"""Makes the cases of integer arithmetic: int16 codes in and out."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from qdsl_cpu import operations

Array = npt.NDArray[Any]
Arrays = dict[str, Array]
EXTREMES = [-32768, -32767, -256, -128, -1, 0, 1, 127, 384, 32512, 32766, 32767]


@dataclass(frozen=True, slots=True)
class Given:
    """What an operation takes beside codes, under the names of `Constants` in C++."""

    by: tuple[Array, Array] | None = None
    argument: tuple[Array, Array] | None = None
    table: Array | None = None
    offset: Array | None = None
    number: int | None = None

    @property
    def arrays(self) -> Arrays:
        found: dict[str, Array | None] = {"table": self.table, "offset": self.offset}
        for name, pair in (("by", self.by), ("argument", self.argument)):
            if pair:
                found |= {f"{name}.mantissa": pair[0], f"{name}.shift": pair[1]}
        if self.number is not None:
            found["number"] = np.array(self.number, np.int64)
        return {name: array for name, array in found.items() if array is not None}


class Draw:
    """Operands; the numbers are the same for ever."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.RandomState(seed)

    def codes(self, *shape: int) -> Array:
        """Anywhere, and in every third place an extreme."""
        anywhere = self.random.randint(-32768, 32768, shape)
        extreme = np.array(EXTREMES)[self.random.randint(0, len(EXTREMES), shape)]
        return np.where(self.random.randint(0, 3, shape) == 0, extreme, anywhere).astype(np.int16)

    def by(self, exponent: int, *shape: int) -> tuple[Array, Array]:
        """Numbers from 2^exponent to 2^(exponent + 1), with one shift."""
        mantissa = self.random.randint(1 << 30, (1 << 31) - 1, shape, np.int64)
        return mantissa.astype(np.int32), np.array(30 - exponent, np.int32)

    def each(self, count: int) -> tuple[tuple[Array, Array], Array]:
        """A signed number for each channel, and an offset."""
        mantissa, _ = self.by(0, count)
        sign = self.random.randint(-1, 2, count)
        shift = self.random.randint(30, 50, count).astype(np.int32)
        offset = self.random.randint(-40000, 40000, count).astype(np.int32)
        return ((mantissa * sign).astype(np.int32), shift), offset

    def table(self) -> Array:
        return self.random.randint(0, 256, 256).astype(np.uint8)


def run(name: str, *operands: Any) -> Array:
    """What an operation makes of arrays, which become tensors."""
    tensors = (torch.from_numpy(o) if isinstance(o, np.ndarray) else o for o in operands)
    return operations.INTEGERS[name](*tensors).numpy()  # type: ignore[no-any-return]


def unary_cases() -> Iterator[tuple[str, Arrays]]:
    given: dict[str, Callable[[Draw], Given]] = {
        "requantize": lambda d: Given(by=d.by(-3)),
        "table": lambda d: Given(table=d.table()),
        "sigmoid": lambda d: Given(argument=d.by(7)),
        "tanh": lambda d: Given(argument=d.by(8)),
        "silu": lambda d: Given(argument=d.by(7), by=d.by(-9)),
        "gelu": lambda d: Given(argument=d.by(8), by=d.by(-10)),
    }
    for seed, (name, make) in enumerate(given.items()):
        draw = Draw(seed)
        x, constants = draw.codes(147), make(draw)
        pairs = [*(constants.argument or ()), *(constants.by or ())]
        operands = [constants.table] if constants.table is not None else pairs
        yield name, {"x": x, **constants.arrays, "y": run(name, x, *operands)}
    draw = Draw(10)
    x = draw.random.randint(-(1 << 40), 1 << 40, 50, np.int64)
    by = draw.by(-27)
    yield "from_integers", {"x": x, **Given(by=by).arrays, "y": run("from_integers", x, *by)}


def binary_cases() -> Iterator[tuple[str, Arrays]]:
    """Of 7 x 21 codes and a row of them, but for halves of 7 x 42."""
    strides = {"x.strides": np.array([21, 1], np.int64), "b.strides": np.array([0, 1], np.int64)}
    draw = Draw(20)
    a, b = draw.codes(7, 21), draw.codes(21)
    both = {"x": a, "b": b, **strides}
    by = draw.by(-1, 2)
    for sign in (1, -1):
        constants = Given(by=by, number=sign)
        yield "add", {**both, **constants.arrays, "y": run("add", a, b, *by, sign)}
    for name, exponent in (("multiply", -14), ("divide", 9)):
        by = draw.by(exponent)
        yield name, {**both, **Given(by=by).arrays, "y": run(name, a, b, *by)}
    x = draw.codes(7, 42)
    halves = {"x": x[:, :21].copy(), "b": x[:, 21:].copy()}
    halves |= {"x.strides": np.array([21, 1], np.int64), "b.strides": np.array([21, 1], np.int64)}
    table, by, argument = draw.table(), draw.by(-7), draw.by(7)
    constants = Given(table=table, by=by)
    yield "glu", {**halves, **constants.arrays, "y": run("glu", x, table, *by, 1)}
    constants = Given(by=by, argument=argument)
    y = run("glu_polynomial", x, *by, *argument, 1)
    yield "glu_polynomial", {**halves, **constants.arrays, "y": y}


def rows_cases() -> Iterator[tuple[str, Arrays]]:
    draw = Draw(30)
    x, table, argument = draw.codes(4, 37), draw.table(), draw.by(5)
    x[1] = 32767
    by, offset = draw.each(37)
    given = Given(table=table)
    yield "softmax", {"x": x, **given.arrays, "y": run("softmax", x, table, -1)}
    given = Given(argument=argument)
    y = run("softmax_polynomial", x, *argument, -1)
    yield "softmax_polynomial", {"x": x, **given.arrays, "y": y}
    epsilon = 12345
    given = Given(by=by, offset=offset, number=epsilon)
    y = run("layer_norm", x, *by, offset, torch.tensor(epsilon))
    yield "layer_norm", {"x": x, **given.arrays, "y": y}
    given = Given(by=by, offset=offset)
    y = run("scale_and_shift", x, *by, offset)
    yield "scale_and_shift", {"x": x, **given.arrays, "y": y}


def reduce_cases() -> Iterator[tuple[str, Arrays]]:
    """Of the middle of 3 x 20 x 5 codes."""
    draw = Draw(40)
    x, by = draw.codes(3, 20, 5), draw.by(-4)
    whole, some = (np.array(w, np.int64) for w in ((20, 5, 20, 1, 1), (20, 5, 6, 4, 4)))
    y = run("sum", x, *by, 1, True)
    yield "sum", {"x": x, **Given(by=by).arrays, "windows": whole, "y": y}
    yield "mean", {"x": x, "windows": whole, "y": run("mean", x, 1, True)}
    yield "pool_mean", {"x": x, "windows": some, "y": run("pool_mean", x, 1, 6, 4)}


def integer_cases() -> Iterator[tuple[str, Arrays]]:
    yield from unary_cases()
    yield from binary_cases()
    yield from rows_cases()
    yield from reduce_cases()
