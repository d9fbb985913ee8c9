"""Judges a report by a target: whether the device holds it, and serves its formats."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from heapq import nlargest

from qdsl.devices import Profile
from qdsl.diagnostic.model import Diagnostic, error
from qdsl.ir.format import Activations, FloatType, WeightFormat
from qdsl.ir.model import Model
from qdsl.ir.pattern import NM
from qdsl.size.folding import folded
from qdsl.size.quantity import decimal, exact_bytes
from qdsl.size.report import Report
from qdsl.source import Span, no_span

_SHOWN = 5


def check_device(
    target: Profile,
    report: Report,
    span: Span | None,
    place: Callable[[str], Span | None] = lambda path: None,
) -> tuple[Diagnostic, ...]:
    """What the target cannot do: memory (Q405), formats, sparsity and activations (Q511).

    `span` is where the variant names its target, `place` where a layer's activations got theirs.
    """
    model = report.model
    found = _activations(target, model, place)
    return (*_memory(target, report, span), *_formats(target, model), *found)


def bandwidth_text(target: Profile, report: Report) -> str | None:
    """`phone: every weight once takes at least 0.83 ms (15.0 GB/s)`; None without a bandwidth."""
    if target.bandwidth is None:
        return None
    time = decimal(Fraction(1000 * report.total_bytes, target.bandwidth))
    rate = decimal(Fraction(target.bandwidth, 10**9), 1)
    return f"target {target.name}: reading every weight once takes {time} ms at {rate} GB/s"


def _memory(target: Profile, report: Report, span: Span | None) -> Iterator[Diagnostic]:
    if target.memory is None or report.total_bytes <= target.memory:
        return
    size, room = exact_bytes(report.total_bytes), exact_bytes(target.memory)
    message = f"`{report.variant}` is {size}, target `{target.name}` has {room}"
    largest = nlargest(_SHOWN, folded(report.rows), key=lambda line: line.total_bytes)
    yield error(
        "Q405",
        message,
        span,
        notes=[f"largest: `{line.path}` has {line.total_bytes:,} B" for line in largest],
        help="give the largest a smaller format, or choose another target",
    )


def _formats(target: Profile, model: Model) -> Iterator[Diagnostic]:
    """One finding for each rule, with the first storage that it gives the format."""
    told: set[tuple[str, Span]] = set()
    for storage in model.storages:
        why = _unserved(target, storage.format)
        key = (storage.format.name, storage.assigned.span)
        if why is None or key in told:
            continue
        told.add(key)
        span = storage.assigned.span
        message = f"target `{target.name}` does not serve {why} of `{storage.path}`"
        help = f"it serves {', '.join(f'`{f}`' for f in target.formats)}"
        yield error("Q511", message, None if span == no_span() else span, help=help)


def serves(target: Profile, format: WeightFormat) -> bool:
    """Whether the target serves weights in that format."""
    return _unserved(target, format) is None


def _unserved(target: Profile, format: WeightFormat) -> str | None:
    pattern = format.pattern
    # f32 is what everything can be read as
    if target.formats and format.name not in (*target.formats, FloatType.F32):
        return f"the format `{format.name}`"
    if isinstance(pattern, NM) and target.sparsity is not None:
        if str(pattern) not in target.sparsity:
            return f"the pattern {pattern}"
    return None


def _activations(
    target: Profile, model: Model, place: Callable[[str], Span | None]
) -> Iterator[Diagnostic]:
    found: dict[str, Activations] = {**model.activations, **model.states}
    if not target.activations:
        return
    for path, format in found.items():
        if format.family not in target.activations:
            message = f"target `{target.name}` does not serve the activations of `{path}`"
            help = f"it serves {', '.join(f'`{f}`' for f in target.activations)}"
            yield error("Q511", f"{message}: {format}", place(path), help=help)
            return
