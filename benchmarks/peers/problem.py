"""Says what is timed: products with a packed weight, recurrent layers, encoders."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

ROTATED = 128e6  # bytes of distinct weights that "from DRAM" goes through: no cache keeps them
BITS = {"int8": 8, "int4": 4, "int3": 3, "int2": 2, "nf4": 4, "ternary": 2, "binary": 1}
SPARSE = "_2:4"  # behind the name of a format


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
        return BITS[self.weights.removesuffix(SPARSE)]

    @property
    def is_sparse(self) -> bool:
        return self.weights.endswith(SPARSE)

    @property
    def dense(self) -> "Product":
        """The same with all weights kept."""
        return replace(self, weights=self.weights.removesuffix(SPARSE))

    @property
    def bytes(self) -> int:
        """Of codes, index and scales: what has to be read."""
        codes = self.outputs * self.inputs * self.bits // 8
        if self.is_sparse:  # half of the codes, and two bits to say where each is
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


@dataclass(frozen=True, slots=True)
class Encoder:
    """The network of a spec on f32 [1, frames, width].

    folder: where it is kept as every runtime wants it: `float.onnx`, and what follows from that.
    """

    spec: str
    folder: str
    frames: int
    width: int

    def file(self, name: str, make: Callable[[Path], object]) -> Path:
        """The file of that name, made where there is none."""
        path = Path(self.folder) / name
        if not path.exists():
            with TemporaryDirectory(dir=self.folder) as new:  # a run may end half way
                make(Path(new) / name)
                for made in sorted(Path(new).iterdir()):
                    made.replace(path.parent / made.name)
        return path

    def x(self) -> np.ndarray:
        shape = (1, self.frames, self.width)
        return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Network:
    """Variants of a spec on random inputs of these sizes, each its first entry, on a GPU."""

    spec: str
    floats: str
    packed: tuple[str, ...]
    sizes: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Training:
    """Steps of a spec's first entry on random inputs of these sizes: `floats` and rounded."""

    spec: str
    floats: str
    rounded: tuple[str, ...]
    sizes: tuple[tuple[str, int], ...]


Problem = Product | Recurrence | Encoder | Network | Training
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


FEW = 16  # frames of a first trial
Run = Callable[[np.ndarray], np.ndarray]


def network(name: str, problem: Encoder, load: Callable[[], Run]) -> Contender:
    """One that runs the network, and writes what it gives to a file of its name."""

    def prepare() -> Callable[[int], Call]:
        run, x = load(), problem.x()
        few = x[:, :FEW]
        if run(few).shape != few.shape:
            raise ValueError("the output does not follow the input")
        np.save(Path(problem.folder) / f"{name}.npy", run(x))
        return lambda rows: lambda: run(x)

    return Contender(name, 0, prepare)


def of(kind: str, fields: dict[str, Any]) -> Problem:
    """The problem of that class name."""
    kinds: dict[str, type[Problem]] = {
        c.__name__: c for c in (Product, Recurrence, Encoder, Network, Training)
    }
    return kinds[kind](**fields)
