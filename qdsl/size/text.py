"""Writes a size report as text: one line per storage, runs of equal layers folded."""

from collections.abc import Sequence
from fractions import Fraction

from qdsl.size.count import TIED
from qdsl.size.folding import Line, folded
from qdsl.size.quantity import bytes_text, decimal, exact_bytes, ratio_text, share_text
from qdsl.size.report import Report
from qdsl.size.table import table

_BAR_WIDTH = 8
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def report_text(report: Report) -> str:
    """Head line, table, and what the bytes are made of."""
    return "\n".join((_head(report), "", *_table(folded(report.rows)), "", *_parts(report), ""))


def _head(report: Report) -> str:
    return (
        f"{report.variant}: {exact_bytes(report.total_bytes)}, "
        f"{ratio_text(report.float32_bytes, report.total_bytes)} smaller than f32, "
        f"{ratio_text(report.bfloat16_bytes, report.total_bytes)} than bf16, "
        f"{decimal(report.bits_per_weight)} bits per weight"
    )


def _table(lines: Sequence[Line]) -> list[str]:
    widest = max((line.total_bytes for line in lines), default=0)
    heading = ("bytes", "", "", "path", "", "shape", "format", "bits", "kernel")
    return table([heading, *(_cells(line, widest) for line in lines)], right=(0, 1, 7))


def _cells(line: Line, widest: int) -> tuple[str, ...]:
    row = line.row
    return (
        f"{line.total_bytes:,}",
        bytes_text(line.total_bytes) if line.total_bytes >= 1024 else "",
        _bar(line.total_bytes, widest),
        line.path,
        f"×{line.count}" if line.count > 1 else "",
        "×".join(map(str, row.shape)) or "scalar",
        TIED if row.kind == TIED else row.format,
        decimal(Fraction(8 * row.total_bytes, row.params)) if row.params else "",
        row.kernel,
    )


def _bar(count: int, widest: int) -> str:
    """In eighths of a character; the widest takes eight."""
    eighths = (8 * _BAR_WIDTH * count + widest // 2) // widest if widest else 0
    whole, rest = divmod(eighths, 8)
    return (_EIGHTHS[8] * whole + _EIGHTHS[rest]).rstrip()


def _parts(report: Report) -> list[str]:
    """What the bytes are; the parts add up to the whole."""
    packed = [row for row in report.rows if not row.is_float]
    parts = (
        ("codes", sum(r.payload_bytes for r in packed)),
        ("scales", sum(r.scale_bytes for r in report.rows)),
        ("zero points", sum(r.zero_point_bytes for r in report.rows)),
        ("index", sum(r.index_bytes for r in report.rows)),
        ("floats", sum(r.payload_bytes for r in report.rows if r.is_float)),
        ("header", report.header_bytes),
        ("total", report.total_bytes),
    )
    total = report.total_bytes
    return table([(f"{n:,}", bytes_text(n), share_text(n, total), p) for p, n in parts], (0, 1, 2))
