"""Makes random inputs of an entry, of sizes that are asked for."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod

import torch
from torch import Tensor

from qdsl.diagnostic.model import QdslError, error
from qdsl.diagnostic.suggest import suggestion
from qdsl.fx.emission import DTYPES
from qdsl.ir.model import Entry, EntryInput, Model
from qdsl.ir.tables import table_rows

USUAL: Mapping[str, int] = {"B": 1}
OTHERS = 100
"""Sizes of dims that nobody gave: one example, a hundred of all else."""

MOST_ELEMENTS = 1 << 28


def sizes_of(entry: Entry, given: Mapping[str, int]) -> dict[str, int]:
    """A size for each free dim of the entry's inputs; raises QdslError (Q750) for others."""
    names = _names(entry)
    for name in given:
        if name not in names:
            known = ", ".join(f"`{n}`" for n in names) or "none"
            help = suggestion(name, names) or f"its dims are {known}"
            raise QdslError([error("Q750", f"`{entry.name}` has no dim `{name}`", help=help)])
    return usual_sizes(entry, given)


def usual_sizes(entry: Entry, given: Mapping[str, int]) -> dict[str, int]:
    """The same; what the entry has not is left out."""
    return {name: given.get(name, USUAL.get(name, OTHERS)) for name in _names(entry)}


def _names(entry: Entry) -> list[str]:
    return sorted({name for i in entry.inputs for dim in i.type.shape for name in dim.names()})


def random_inputs(model: Model, entry: Entry, sizes: Mapping[str, int]) -> list[Tensor | None]:
    """Numbers of a normal distribution, ids of tables, full lengths; the same each time.

    None for a state that begins with zeros. Raises QdslError (Q750) for sizes of which there is no
    tensor, or none that fits.
    """
    shapes = {i.name: tuple(d.evaluate(sizes) for d in i.type.shape) for i in entry.inputs}
    for name, shape in shapes.items():
        if min(shape, default=0) < 0 or prod(shape) > MOST_ELEMENTS:
            text = " x ".join(map(str, shape))
            message = f"`{entry.name}.{name}` would be {text} for {sizes_text(sizes)}"
            raise QdslError([error("Q750", message, help="give other sizes with `--shape`")])
    generator = torch.Generator().manual_seed(0)
    rows = table_rows(model)
    length = next((shape[1] for shape in shapes.values() if len(shape) > 1), 1)
    return [
        None
        if i.zeros
        else _random(i, shapes[i.name], rows.get(f"{entry.name}.{i.name}"), length, generator)
        for i in entry.inputs
    ]


@contextmanager
def fitting(names: str, sizes: Mapping[str, int]) -> Iterator[None]:
    """Where these entries first run: what torch says of sizes is told as a QdslError (Q750)."""
    try:
        yield
    except (RuntimeError, ValueError, IndexError) as failure:
        reason = (str(failure).splitlines() or [type(failure).__name__])[0]
        message = f"`{names}` does not run for {sizes_text(sizes)}: {reason}"
        help = "give other sizes with `--shape`"
        raise QdslError([error("Q750", message, help=help)]) from None


def sizes_text(sizes: Mapping[str, int]) -> str:
    """`B = 1, T = 100`."""
    return ", ".join(f"{name} = {size}" for name, size in sizes.items()) or "no free dims"


def _random(
    input: EntryInput,
    shape: tuple[int, ...],
    rows: int | None,
    length: int,
    generator: torch.Generator,
) -> Tensor:
    match input.type.dtype:
        case "i64" if rows is not None:
            return torch.randint(0, rows, shape, generator=generator)
        case "i64":
            # one number an example is how much of it counts; a lone one counts from 0
            return torch.full(shape, length if len(shape) == 1 else 0)
        case "bool":
            return torch.ones(shape, dtype=torch.bool)
        case dtype:
            return torch.randn(shape, generator=generator, dtype=DTYPES[dtype])
