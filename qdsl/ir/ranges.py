"""Lists the static ranges of a model: what calibration finds and the artifact stores."""

from collections.abc import Iterator, Mapping

from qdsl.ir.format import Activations, StaticFormat
from qdsl.ir.model import Model
from qdsl.record import record

SIDES = {"output": ("output",), "matmul": ("left", "right"), "softmax": ("softmax",)}
"""Names of the ranges of each property of `Model.roundings`: a product has one per operand."""


@record
class Range:
    """A scale, and where the format is asymmetric a zero point, of what stands at `path`.

    `name` is `input`, `state`, `output`, `left`, `right` or `softmax`.
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


def _of(names: tuple[str, ...], found: Mapping[str, Activations]) -> Iterator[Range]:
    for path, format in found.items():
        if isinstance(format, StaticFormat):
            yield from (Range(path, name, format) for name in names)
