"""Writes what was found of an installation as text."""

from collections.abc import Iterator
from textwrap import fill

from qdsl.cli.doctor.backends import BackendState
from qdsl.cli.doctor.findings import Findings
from qdsl.size.table import table
from qdsl.target import STATIC, Capability, Survey

WIDTH = 96


def findings_text(found: Findings) -> str:
    """The findings for people."""
    lines = [
        *table([("qdsl", found.qdsl), ("python", found.python), ("machine", found.machine)], ()),
        "",
        "packages",
        *_packages(found),
        "",
        "back ends",
        *(line for backend in found.backends for line in _backend(backend)),
        "",
        *(f"broken: {text}" for text in found.broken()),
    ]
    if not found.broken():
        lines.append("nothing that is installed is broken")
    return "\n".join(lines) + "\n"


def _packages(found: Findings) -> Iterator[str]:
    rows = [
        (f"  {s.package.name}", s.version or "-", s.package.purpose, "" if s.version else s.install)
        for s in found.packages
    ]
    rows.append(("  git", "here" if found.git else "-", "reads specs of revisions", ""))
    yield from table(rows, right=())


def _backend(state: BackendState) -> Iterator[str]:
    if not state.availability.available:
        yield f"  {state.name}: unavailable, {state.availability.reason}"
        return
    yield f"  {state.name}: available"
    if state.survey:
        yield "    kernels by instruction set"
        yield from _kernels(state.survey)
    if state.capabilities:
        yield "    what serves which layers"
        rows = [(f"      {kernel}", *cells) for kernel, *cells in _served(state.capabilities)]
        yield from table(rows, right=())


def _kernels(survey: Survey) -> Iterator[str]:
    for name, fate in survey.instruction_sets.items():
        word = "runs" if fate.available else f"does not run: {fate.reason}"
        yield f"      {name} {word}" + (", chosen" if name == survey.chosen else "")
        own = [k.removesuffix(f"_{name}") for k in survey.kernels if k.endswith(f"_{name}")]
        yield fill(" ".join(own), WIDTH, initial_indent=" " * 8, subsequent_indent=" " * 8)


def _served(capabilities: tuple[Capability, ...]) -> Iterator[tuple[str, ...]]:
    """Each kernel once, its grids together."""
    grids: dict[tuple[str, ...], list[str]] = {}
    for c in capabilities:
        key = (c.kernel, c.operation, ", ".join(_words(c.activations)))
        grids.setdefault(key, []).append(_grid(c))
    for (kernel, operation, activations), found in grids.items():
        yield kernel, operation, ", ".join(found), activations


def _words(activations: tuple[str, ...]) -> Iterator[str]:
    """All static ranges are one word."""
    every = STATIC.keys() <= {*activations}
    yield from (word for word in activations if not (every and word in STATIC))
    if every:
        yield "static ranges"


def _grid(capability: Capability) -> str:
    bits = capability.bits
    return f"{capability.grid} {bits[0]}-{bits[-1]}" if len(bits) > 1 else capability.grid
