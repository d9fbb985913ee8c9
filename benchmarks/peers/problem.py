"""Says what is timed: products with a packed weight, and recurrent layers."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any

ROTATED = 128e6  # bytes of distinct weights that "from DRAM" goes through: no cache keeps them
BITS = {"int8": 8, "int4": 4, "int4_2:4": 4, "int3": 3, "int2": 2, "ternary": 2, "binary": 1}


@dataclass(frozen=True, slots=True)
class Product:
    """x @ weight^T for f32 x [rows, inputs], the weight [outputs, inputs] in a format.

    group: positions that share an f16 scale; 0 is one f32 scale per output. activations: what x
    is rounded to. rotate: a call goes through ROTATED bytes of weights, so that none is cached.
    """

    outputs: int
    inputs: int
    weights: str
    group: int
    activations: str
    rotate: bool

    @property
    def bits(self) -> int:
        return BITS[self.weights]

    @property
    def bytes(self) -> int:
        """Of codes, index and scales: what has to be read."""
        codes = self.outputs * self.inputs * self.bits // 8
        if self.weights.endswith("2:4"):  # half of the codes, and two bits to say where each is
            codes = self.outputs * self.inputs * (self.bits + 2) // 16
        scales = 2 * self.inputs // self.group if self.group else 4
        return codes + self.outputs * scales

    def copies(self, bytes: float) -> int:
        """Distinct weights of so many bytes that a call goes through."""
        return max(1, ceil(ROTATED / bytes)) if self.rotate else 1

    def operations(self, rows: int) -> int:
        return 2 * rows * self.outputs * self.inputs


@dataclass(frozen=True, slots=True)
class Recurrence:
    """An LSTM layer of `hidden` inputs and outputs over `steps`; a row is an example."""

    hidden: int
    steps: int
    weights: str
    group: int
    activations: str


Problem = Product | Recurrence
Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to solve a problem.

    bytes: of one weight as it keeps it. prepare makes the weights and gives what makes, for a
    number of rows, the call that is timed; a call solves the problem `solved` times. With
    `own_clock` the call says the seconds itself.
    """

    name: str
    bytes: float
    prepare: Callable[[], Callable[[int], Call]]
    solved: int = 1
    own_clock: bool = False


def of(kind: str, fields: dict[str, Any]) -> Problem:
    """The problem of that class name."""
    return Product(**fields) if kind == "Product" else Recurrence(**fields)
