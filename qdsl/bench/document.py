"""Writes what a benchmark found as data; docs/reports.md names the keys."""

from collections.abc import Mapping

from qdsl.bench.machine import machine, versions
from qdsl.bench.report import KernelReport, LayerRow, ModelReport
from qdsl.bench.roofline import Limits
from qdsl.bench.sample import Sample, sample

Document = dict[str, object]


def model_document(report: ModelReport) -> Document:
    """Of a model."""
    return {
        **_head(report.backend, report.threads),
        "model": report.name,
        "entry": report.entry,
        "sizes": dict(report.sizes),
        "seconds": numbers(report.seconds),
        "layers": [{**_layer(row), "share": report.share(row.seconds)} for row in report.layers],
        "rest": [
            {
                "operation": row.operation,
                "nodes": row.count,
                "seconds": numbers(row.seconds),
                "share": report.share(row.seconds),
            }
            for row in report.rest
        ],
        "between_seconds": numbers(report.between),
        "limits": limits(report.limits),
    }


def kernel_document(report: KernelReport) -> Document:
    """Of kernels alone."""
    return {
        **_head(report.backend, report.threads),
        "kernels": [
            {
                **_layer(row.layer),
                "activations": row.activations,
                "cold": row.cold,
                "copies": row.copies,
                "limits": limits(row.limits),
            }
            for row in report.rows
        ],
    }


def numbers(found: Sample) -> Document:
    """Median, quartiles, and every round."""
    low, high = found.quartiles
    return {"median": found.median, "low": low, "high": high, "rounds": [*found.values]}


def limits(found: tuple[Limits, ...]) -> Document | None:
    """Of the machine, round by round; null where nobody measured them."""
    if not found:
        return None
    first = found[0]
    return {
        "bandwidth": [
            {
                "working_set": size,
                "bytes_per_second": numbers(sample(r.bandwidths[size] for r in found)),
            }
            for size in sorted(first.bandwidths)
        ],
        "peaks": [
            {
                "operands": peak.operands,
                "instructions": peak.instructions,
                "operations_per_second": numbers(sample(r.peaks[peak] for r in found)),
            }
            for peak in first.peaks
        ],
        "fork_join_seconds": numbers(sample(r.fork_join for r in found)),
    }


def _head(backend: str, threads: int) -> Mapping[str, object]:
    return {
        "machine": machine(),
        "versions": versions(),
        "backend": backend,
        "threads": threads,
    }


def _layer(row: LayerRow) -> Document:
    work = row.work
    return {
        "path": row.path,
        "operation": row.operation,
        "kernel": row.kernel,
        "format": row.format,
        "shape": [*work.shape],
        "bytes": work.bytes,
        "operations": work.operations,
        "working_set": work.working_set,
        "operands": work.operands,
        "seconds": numbers(row.seconds),
        "bytes_per_second": row.bytes_per_second,
        "operations_per_second": row.operations_per_second,
        "fraction": numbers(row.fraction) if row.fraction else None,
        "bound": row.bound.value if row.bound else None,
    }
