"""Lists what `cpu.py` times: regimes of shapes and rows, weights in each, and what is aimed at."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from peers.problem import Encoder, Problem, Product, Recurrence

Weights = tuple[tuple[str, int], ...]  # format and group; 0: one scale per output

TABLE: Weights = (("int8", 0), ("int4", 128), ("int2", 128), ("binary", 128))
FINE: Weights = (("int4", 32), ("int2", 32), ("binary", 32))
SPARSE: Weights = (("int4_2:4", 128),)
SMALL: Weights = (("int8", 0), ("int4", 128), ("int2", 64), ("binary", 64))


@dataclass(frozen=True, slots=True)
class Regime:
    """Square weights of a size, and rows of activations; goals: fractions of the limit by bits.

    fine: goals are those of a group of 32, the same at every width.
    """

    name: str
    size: int
    threads: int
    rows: tuple[int, ...]
    weights: Weights = TABLE + FINE + SPARSE
    activations: str = "int8_token"
    rotate: bool = False


REGIMES = (
    Regime("DRAM", 8192, 1, (1,), rotate=True),
    Regime("cache", 4096, 1, (1, 4, 16, 64, 256)),
    Regime("cache bf16", 4096, 1, (64, 256), TABLE, "bf16"),
    Regime("small", 1024, 1, (1, 4, 32), SMALL),
    Regime("small", 512, 1, (1, 4, 32), SMALL),
    Regime("small", 256, 1, (1, 4, 32), SMALL),
    Regime("small", 128, 1, (1, 4, 32), SMALL),
    Regime("call", 16, 1, (1,), (("int8", 0),)),
    Regime("DRAM", 8192, 2, (1,), rotate=True),
    Regime("cache", 4096, 2, (256,)),
)
RECURRENT = tuple((hidden, rows) for hidden, rows in ((128, (1,)), (256, (1, 8))))
PLACES = ("spec", "folder")  # of a machine, and no result
STEPS = 50  # of an LSTM layer

_BY_BITS = {8: 0, 4: 1, 2: 2, 1: 3}
_GOALS = {  # of 8, 4, 2 and 1 bits, by regime, threads and rows
    ("DRAM", 1, 1): (0.92, 0.90, 0.85, 0.70),
    ("DRAM", 2, 1): (0.90, 0.90, 0.90, 0.75),
    ("cache", 1, 1): (0.80, 0.75, 0.75, 0.70),
    ("cache", 1, 4): (0.85, 0.85, 0.85, 0.80),
    ("cache", 1, 16): (0.85, 0.85, 0.85, 0.80),
    ("cache", 1, 64): (0.93, 0.88, 0.88, 0.85),
    ("cache", 1, 256): (0.93, 0.88, 0.88, 0.85),
    ("cache", 2, 256): (0.93, 0.88, 0.88, 0.85),
    ("cache bf16", 1, 64): (0.85,) * 4,
    ("cache bf16", 1, 256): (0.85,) * 4,
}
_FINE_GOALS = {"DRAM": 0.85, "cache": 0.75}


@dataclass(frozen=True, slots=True)
class Cell:
    """A problem, the rows that it is timed at over the same weights, and the threads."""

    regime: str
    problem: Problem
    rows: tuple[int, ...]
    threads: int

    def key(self, rows: int) -> str:
        """How `--only` calls a row: `DRAM/8192/int4,128/1t/M=1`."""
        p = self.problem
        if isinstance(p, Encoder):
            return f"{self.regime}/{p.frames}/{self.threads}t"
        size = p.outputs if isinstance(p, Product) else p.hidden
        group = f",{p.group}" if p.group else ""
        return f"{self.regime}/{size}/{p.weights}{group}/{self.threads}t/M={rows}"

    def goal(self, rows: int) -> float | None:
        """The fraction of the limit that issue 5 asks for."""
        p = self.problem
        if not isinstance(p, Product) or p.weights.endswith("2:4"):
            return None
        if p.group == 32:
            return _FINE_GOALS.get(self.regime)
        goals = _GOALS.get((self.regime, self.threads, rows))
        return goals[_BY_BITS[p.bits]] if goals else None

    def goal_us(self, rows: int) -> float | None:
        """The microseconds of a call that it asks for."""
        p = self.problem
        small = self.regime == "small" and isinstance(p, Product) and p.outputs == 1024
        return 10.0 if small and p.weights == "int4" and rows == 1 else None

    def goal_ratio(self, rows: int) -> float:
        """How often the fastest other's time ours should go into: sparse into dense, from DRAM."""
        p = self.problem
        sparse = isinstance(p, Product) and p.weights.endswith("2:4")
        return 1.25 if sparse and self.regime == "DRAM" else 1.0

    def about(self, rows: int) -> dict[str, Any]:
        """What identifies a row in the results."""
        about = {"key": self.key(rows), "regime": self.regime, "threads": self.threads}
        about |= {"goal": self.goal(rows), "goal_us": self.goal_us(rows)}
        about["goal_ratio"] = self.goal_ratio(rows)
        fields = asdict(self.problem)
        return about | {"rows": rows} | {k: v for k, v in fields.items() if k not in PLACES}


def cells() -> Iterator[Cell]:
    """All of them, those of one thread first."""
    for regime in REGIMES:
        for weights, group in regime.weights:
            size = regime.size
            problem = Product(size, size, weights, group, regime.activations, regime.rotate)
            yield Cell(regime.name, problem, regime.rows, regime.threads)
        if regime.name == "call":
            yield from _recurrent()


def _recurrent() -> Iterator[Cell]:
    for hidden, rows in RECURRENT:
        for weights, group in (("int8", 0), ("int4", 128)):
            for activations in ("f32", "int8_token"):
                problem = Recurrence(hidden, STEPS, weights, group, activations)
                yield Cell(f"LSTM {activations}", problem, rows, 1)
