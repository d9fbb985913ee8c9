"""Says by which constants the kernels of training round to a format."""

from dataclasses import dataclass
from functools import cache

from qdsl.ir.format import (
    BinaryGrid,
    CodebookGrid,
    FixedClip,
    FloatGrid,
    FloatZero,
    IntegerGrid,
    IntegerZero,
    Levels,
    Symmetric,
    TernaryGrid,
    WeightFormat,
)


@dataclass(frozen=True, slots=True)
class Rule:
    """The constants of the kernels for a format, and its clip; see `qdsl_gpu.scales`."""

    grid: str
    low: int = 0
    high: int = 0
    steps: float = 1.0
    zero: int = 0
    zero_type: str = "f32"
    coefficient: float = 1.0
    straight: bool = False

    @property
    def by_range(self) -> bool:
        """Whether the scale comes of the range of the weights, and not of a mean."""
        return self.grid in ("integer", "half", "table")

    def stages(self, given: int) -> int:
        """Passes that the scale of a tensor, or what is found beside a given one, takes."""
        if self.grid == "float" or (self.by_range and given):
            return 0
        return 2 if self.grid in ("centred", "threshold") and not given else 1


@cache
def rule_of(format: WeightFormat) -> Rule:
    match format.grid:
        case IntegerGrid() as grid:
            return _integers(grid, format)
        case TernaryGrid(rule):
            return Rule("threshold" if rule == "threshold" else "ternary", -1, 1)
        case BinaryGrid(center, ste):
            return Rule("centred" if center else "binary", straight=ste == "identity")
        case CodebookGrid():
            return Rule("table")
        case FloatGrid():
            return Rule("float", straight=True)


def scale_type(format: WeightFormat) -> str:
    """That of scales; of floats, which have none, their own."""
    return (format.grid.type if isinstance(format.grid, FloatGrid) else format.scale).value


def _integers(grid: IntegerGrid, format: WeightFormat) -> Rule:
    coefficient = format.clip.coefficient if isinstance(format.clip, FixedClip) else 1.0
    if isinstance(format.zero, Symmetric):
        half = grid.levels is Levels.HALF
        name, steps = ("half", grid.qmax + 0.5) if half else ("integer", float(grid.qmax))
        return Rule(name, grid.qmin, grid.qmax, steps, coefficient=coefficient)
    low = -(1 << (grid.bits - 1)) if grid.signed else 0
    type = format.zero.type.value if isinstance(format.zero, FloatZero) else "f32"
    zero = 1 if isinstance(format.zero, IntegerZero) else 2
    steps = float(grid.qmax - low)
    return Rule("integer", low, grid.qmax, steps, zero, type, coefficient)
