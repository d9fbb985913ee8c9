"""Writes what a benchmark found as lines and tables."""

from collections.abc import Iterator

from qdsl.bench.given import sizes_text
from qdsl.bench.report import KernelReport, KernelRow, LayerRow, ModelReport
from qdsl.bench.roofline import Limits
from qdsl.bench.sample import Sample, sample
from qdsl.record import record
from qdsl.target import Peak

BAR = 8  # characters of a full one
_EIGHTHS = " ▏▎▍▌▋▊▉"  # none where none is due


@record
class Table:
    """`right`: columns of numbers."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[int, ...]


def model_text(report: ModelReport) -> Iterator[str | Table]:
    """What is printed of a model: lines, and tables between them."""
    rounds = len(report.seconds.values)
    yield f"{report.name}, entry `{report.entry}`, {sizes_text(report.sizes)}"
    yield f"{_runs(report.threads, rounds)}: {spread(report.seconds)} a run"
    seconds = report.seconds.median
    if report.operations:
        yield f"{_rate(report.operations / seconds)} in products with weights"
    yield _layer_table(report)
    yield _rest_table(report)
    yield _footer(report.limits, report)


def kernel_text(report: KernelReport) -> Iterator[str | Table]:
    """What is printed of kernels alone."""
    rounds = len(report.rows[0].layer.seconds.values)
    yield _runs(report.threads, rounds)
    headings = ("weights", "inputs", "M x N x K", "kernel", *_MEASURED, "half of rounds")
    rows = tuple(
        (
            row.layer.format + (" from memory" if row.cold else ""),
            row.activations,
            _shape(row.layer),
            row.layer.kernel,
            *_measured(row.layer),
            _half(row.layer.fraction),
        )
        for row in report.rows
    )
    yield Table("kernels alone", headings, rows, (2, 4, 5, 6))
    yield _footer(_alike(report.rows), report)


_MEASURED = ("time", "GB/s", "GOPS", "of limit", "bound")


def _measured(row: LayerRow) -> tuple[str, ...]:
    fraction = row.fraction
    return (
        time_text(row.seconds.median),
        f"{row.bytes_per_second / 1e9:.2f}",
        f"{row.operations_per_second / 1e9:.1f}" if row.work.operations else "",
        f"{fraction.median:.2f} {bar(fraction.median)}" if fraction else "-",
        row.bound.value if row.bound else "",
    )


def _layer_table(report: ModelReport) -> Table:
    headings = ("layer", "kernel", "M x N x K", *_MEASURED, "share")
    rows = tuple(
        (
            row.path,
            row.kernel if row.kernel != "torch" else f"torch {row.operation}",
            _shape(row),
            *_measured(row),
            _share(report.share(row.seconds)),
        )
        for row in report.layers
    )
    return Table("operations on weights", headings, rows, (2, 3, 4, 5))


def _rest_table(report: ModelReport) -> Table:
    rows = [
        (row.operation, str(row.count), time_text(row.seconds.median), _share(share))
        for row in report.rest
        if (share := report.share(row.seconds)) >= 0.0005
    ]
    fast = len(report.rest) - len(rows)
    if fast:
        rows.append((f"{fast} more", "", "", ""))
    between = max(0.0, report.between.median)
    rows.append(("between operations", "", time_text(between), ""))
    return Table("all else", ("operation", "nodes", "time", "share"), tuple(rows), (1, 2))


def limits_table(limits: tuple[Limits, ...], threads: int) -> Table:
    """What the machine could do while this was measured, medians of the rounds."""
    memory = max(limits[0].bandwidths)
    rows = []
    for size in sorted(limits[0].bandwidths):
        what = "memory" if size == memory else f"a working set of {bytes_text(size)}"
        found = sample(round.bandwidths[size] / 1e9 for round in limits)
        rows.append((f"read from {what}", *_limit(found), "GB/s"))
    for peak in sorted(limits[0].peaks, key=_by_operands):
        found = sample(round.peaks[peak] / 1e9 for round in limits)
        rows.append((f"products of {peak.operands}, {peak.instructions}", *_limit(found), "GOPS"))
    found = sample(round.fork_join * 1e6 for round in limits)
    rows.append(("fork and join", *_limit(found), "us"))
    title = f"limits of this machine, {_threads(threads)}, measured between the rounds"
    return Table(title, ("limit", "median", "half of rounds", ""), tuple(rows), (1, 2))


def _by_operands(peak: Peak) -> tuple[str, str]:
    return peak.operands, peak.instructions


def _limit(found: Sample) -> tuple[str, str]:
    return f"{found.median:.2f}", _half(found)


def _alike(rows: tuple[KernelRow, ...]) -> tuple[Limits, ...]:
    """Rounds of all rows, with the working sets that all of them have."""
    rounds = [round for row in rows for round in row.limits]
    if not rounds:
        return ()
    shared = frozenset.intersection(*(frozenset(round.bandwidths) for round in rounds))
    return tuple(
        Limits({size: r.bandwidths[size] for size in shared}, r.peaks, r.fork_join) for r in rounds
    )


def _footer(limits: tuple[Limits, ...], report: ModelReport | KernelReport) -> str | Table:
    if limits:
        return limits_table(limits, report.threads)
    return f"\nback end `{report.backend}` measures no limits of its machine to compare with"


# ---- cells -------------------------------------------------------------------------------------


def bar(share: float) -> str:
    """Filled up to the share, in eighths of a character."""
    eighths = round(max(0.0, min(share, 1.0)) * BAR * 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).rstrip()


def _half(found: Sample | None) -> str:
    """Half of the rounds lie between the two."""
    if found is None:
        return "-"
    low, high = found.quartiles
    return f"{low:.2f}-{high:.2f}"


def time_text(seconds: float) -> str:
    """`3.142 ms`."""
    for unit, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if seconds >= unit:
            return f"{seconds / unit:.4g} {name}"
    return f"{seconds * 1e9:.0f} ns"


def spread(seconds: Sample) -> str:
    """`3.142 ms (3.1 ms to 3.3 ms)`: the median, and where half of the rounds lie."""
    low, high = (time_text(end) for end in seconds.quartiles)
    return f"{time_text(seconds.median)} ({low} to {high})"


def bytes_text(count: int) -> str:
    """`3.2 MiB`."""
    return f"{count / 2**20:.3g} MiB" if count >= 2**20 else f"{count / 2**10:.3g} KiB"


def _rate(operations: float) -> str:
    return f"{operations / 1e9:.1f} GOPS"


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"


def _runs(threads: int, rounds: int) -> str:
    return f"{_threads(threads)}, {rounds} round{'s' if rounds > 1 else ''}"


def _shape(row: LayerRow) -> str:
    return " x ".join(map(str, row.work.shape))


def _share(share: float) -> str:
    return f"{100 * share:4.1f} % {bar(share)}"
