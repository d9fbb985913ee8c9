"""Writes specs of many layers, each with formats of its own, and what their entries are given."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from qdsl.spec import Spec, check_spec
from tests.grids.contracts import no_kernel, refusals
from tests.grids.kinds import Kind
from tests.grids.words import Written

SIZES = {"B": 2, "T": 3}


@dataclass(frozen=True)
class Cell:
    """One layer of a grid."""

    format: Written
    activations: Written | None
    kind: Kind

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why the language refuses it."""
        return tuple(refusals(self.format, self.activations, self.kind))

    @property
    def runs(self) -> bool:
        """Whether the reference back end has a kernel for it."""
        return not no_kernel(self.format, self.activations)

    @property
    def is_float(self) -> bool:
        """Whether torch itself computes the layer, in f32."""
        return self.format.family in ("f32", "f16", "bf16") and self.activations is None

    @property
    def rule(self) -> str:
        rounded = f"; activations = {self.activations}" if self.activations else ""
        return f"{{ weights = {self.format}{rounded} }}"


def spec_of(cells: Sequence[Cell], folder: Path) -> Spec:
    """A spec `grid.qspec` of one variant, whose layer `l<i>` is cell i, called by an entry."""
    path = folder / "grid.qspec"
    path.write_text(_text(cells), encoding="utf-8")
    return check_spec(path)


def lines_with_errors(spec: Spec, cells: Sequence[Cell]) -> set[int]:
    """Numbers of the cells on whose rule an error stands."""
    text = _text(cells)
    first = text[: text.index("    l0 { weights")].count("\n")
    found = set()
    for diagnostic in spec.diagnostics:
        if diagnostic.is_error and diagnostic.primary:
            span = diagnostic.primary.span
            found.add(span.source.text[: span.start].count("\n") - first)
    return found


def inputs_of(cells: Sequence[Cell], seed: int = 0) -> list[tuple[str, list[Tensor]]]:
    """Random inputs of every entry."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for name, kind in _entries(cells):
        size = [SIZES[str(d)] if d.constant is None else d.constant for d in kind.input.shape]
        if kind.input.dtype == "i64":
            found.append((name, [torch.randint(0, 5, size, generator=generator)]))
        else:
            found.append((name, [torch.randn(size, generator=generator)]))
    return found


def results_of(cells: Sequence[Cell], name: str) -> list[Cell]:
    """The layers that give the results of an entry, in order."""
    return [cell for cell in cells if _entry(cell.kind) == name]


def _entries(cells: Sequence[Cell]) -> Iterator[tuple[str, Kind]]:
    """An entry for each type of input, with a kind that has it."""
    yield from {_entry(cell.kind): cell.kind for cell in cells}.items()


def _entry(kind: Kind) -> str:
    return f"{kind.input.dtype}_{'_'.join(str(d).lower() for d in kind.input.shape)}"


def _text(cells: Sequence[Cell]) -> str:
    members = "\n".join(f"    l{i} = {cell.kind.call}" for i, cell in enumerate(cells))
    calls: dict[str, list[str]] = {}
    for i, cell in enumerate(cells):
        calls.setdefault(_entry(cell.kind), []).append(f"l{i}(x)")
    entries = "\n".join(
        f"    entry {name}(x: {kind.input}) {{ return {', '.join(calls[name])} }}"
        for name, kind in _entries(cells)
    )
    rules = "\n".join(f"    l{i} {cell.rule}" for i, cell in enumerate(cells))
    return (
        f"qspec 1\n\nmodel Grid() {{\n{members}\n\n{entries}\n}}\n\n"
        f"policy p {{\n    default {{ weights = f32 }}\n{rules}\n}}\n\n"
        "variant v { model = Grid(); policy = p }\n"
    )
