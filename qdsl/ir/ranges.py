"""Lists the static ranges of a model: what calibration finds and the artifact stores."""

from collections.abc import Iterator, Mapping

from qdsl.ir.format import Activations, IntegerGrid, Levels, StaticFormat
from qdsl.ir.integer import plans
from qdsl.ir.model import Arithmetic, Model
from qdsl.record import record

VALUE = StaticFormat(IntegerGrid(8, True, Levels.NARROW))
"""In integer arithmetic: a scale is that of int8 codes, int16 ones count its 256th part."""

SOFTMAX_PARTS = ("numerator", "denominator")
NORM_PARTS = ("centred", "deviation", "quotient")
"""What `arithmetic = paper` rounds within a softmax and a layer norm."""

SIDES = {
    "output": ("output",),
    "matmul": ("left", "right"),
    "softmax": ("softmax",),
    **{part: (part,) for part in (*SOFTMAX_PARTS, *NORM_PARTS)},
}
"""Names of the ranges of each property of `Model.roundings`: a product has one per operand."""


@record
class Range:
    """A scale, and where the format is asymmetric a zero point, of what stands at `path`.

    `name` is `input`, `state`, or one of `SIDES`; in integer arithmetic
    `input` of an entry, or `output`.
    """

    path: str
    name: str
    format: StaticFormat


def ranges(model: Model) -> Iterator[Range]:
    """Every static range of the model."""
    yield from _of(("input",), model.activations)
    yield from _of(("state",), model.states)
    for property, found in model.roundings.items():
        yield from _of(SIDES[property], found)
    if model.arithmetic is Arithmetic.INTEGER:
        yield from (Range(o.path, o.name, VALUE) for o in plans(model).observed)


def _of(names: tuple[str, ...], found: Mapping[str, Activations]) -> Iterator[Range]:
    for path, format in found.items():
        if isinstance(format, StaticFormat):
            yield from (Range(path, name, format) for name in names)
