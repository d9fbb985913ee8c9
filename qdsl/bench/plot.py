"""Draws a roofline: what the machine can do by operations a byte, and what each layer did."""

import re
from collections.abc import Sequence
from io import BytesIO
from math import atan, degrees
from pathlib import Path
from statistics import median
from typing import Any

from qdsl.bench.report import LayerRow
from qdsl.bench.roofline import Limits
from qdsl.bench.text import bytes_text
from qdsl.record import record
from qdsl.replacing import replacing

COLORS = {"int8": "tab:blue", "bf16": "tab:green", "f32": "tab:orange"}
MOST_NAMED = 36  # entries of the legend
_NEAR = 0.035  # of an axis: points that are nearer share a label
_APART = 1.15  # roofs that are nearer are one


@record
class Point:
    """Layers of one kind, such as all `blocks[*].up`, at the medians of what they did."""

    name: str
    count: int
    operands: str
    intensity: float  # operations a byte
    rate: float  # operations a second
    fraction: float


@record
class Roofs:
    """Medians of all rounds: bytes a second by what is read, operations a second by operands."""

    bandwidths: tuple[tuple[str, float], ...]
    peaks: tuple[tuple[str, float], ...]


def points(rows: Sequence[LayerRow]) -> list[Point]:
    """In the order of the layers; what multiplies nothing is left out."""
    alike: dict[tuple[str, ...], list[LayerRow]] = {}
    for row in rows:
        if row.work.operations and row.work.bytes:
            name = re.sub(r"\[\d+\]", "[*]", row.path)
            shape = " x ".join(map(str, row.work.shape))
            alike.setdefault((name, row.format, shape, row.work.operands), []).append(row)
    several = len({name for name, *_ in alike}) < len(alike)  # of one name, as kernels alone are
    return [
        Point(
            name=f"{format}, {shape}" if several else name,
            count=len(found),
            operands=operands,
            intensity=median(r.work.intensity for r in found),
            rate=median(r.operations_per_second for r in found),
            fraction=median(r.fraction.median for r in found if r.fraction) if found else 0.0,
        )
        for (name, format, shape, operands), found in alike.items()
    ]


def roofs(limits: Sequence[Limits], operands: frozenset[str]) -> Roofs:
    """Of the best instructions for these operands; memory first, then larger working sets."""
    sizes = sorted({size for round in limits for size in round.bandwidths}, reverse=True)
    lines: list[tuple[str, float]] = []
    for size in sizes:
        rate = median(r.bandwidths[size] for r in limits if size in r.bandwidths)
        if all(max(rate, known) > _APART * min(rate, known) for _, known in lines):
            lines.append(("memory" if size == sizes[0] else bytes_text(size), rate))
    peaks = [(kind, median(r.peak(kind) for r in limits)) for kind in sorted(operands)]
    return Roofs(tuple(lines), tuple(peaks))


def plot(title: str, rows: Sequence[LayerRow], limits: Sequence[Limits], path: Path) -> None:
    """Writes the picture; the suffix of the path says of which kind. Raises OSError.

    Without limits there is no roof, and without products no point.
    """
    from matplotlib.figure import Figure

    found = points(rows)
    figure = Figure(figsize=(12, 6.5), layout="constrained")
    panel = figure.add_subplot()
    panel.set(xscale="log", yscale="log", title=title)
    panel.set(xlabel="operations per byte of packed weights", ylabel="GOPS")
    if limits:
        _draw_roofs(panel, roofs(limits, frozenset(p.operands for p in found)), found)
    _draw_points(panel, found)
    panel.grid(which="major", alpha=0.3)
    picture = BytesIO()
    figure.savefig(picture, format=path.suffix.removeprefix("."), dpi=130)
    with replacing(path) as file:
        file.write(picture.getvalue())


def _draw_roofs(panel: Any, roofs: Roofs, found: list[Point]) -> None:
    fastest = max(rate for _, rate in roofs.bandwidths)
    highest = max((rate for _, rate in roofs.peaks), default=fastest)
    slowest = min(rate for _, rate in roofs.bandwidths)
    left = min([p.intensity for p in found] + [0.1 * highest / fastest]) / 2
    right = max([p.intensity for p in found] + [highest / slowest]) * 3
    lowest = min([p.rate for p in found] + [slowest * left])
    panel.set_xlim(left, right)
    panel.set_ylim(lowest / 2e9, highest * 2.2 / 1e9)
    for name, rate in roofs.bandwidths:
        ridge = highest / rate
        panel.plot([left, ridge], [rate * left / 1e9, highest / 1e9], color="gray", linewidth=1)
        start = max(left * 1.15, lowest / rate)
        panel.text(
            start,
            1.03 * rate * start / 1e9,
            f"{name}: {rate / 1e9:.1f} GB/s",
            color="dimgray",
            fontsize=8,
            va="bottom",
            rotation=degrees(atan(rate / 1e9)),  # as the line runs, once axes are logarithmic
            rotation_mode="anchor",
            transform_rotates_text=True,
        )
    for kind, rate in roofs.peaks:
        color = COLORS.get(kind, "black")
        panel.plot([rate / fastest, right], [rate / 1e9] * 2, color=color, linewidth=1.2)
        panel.annotate(
            f"{kind}: {rate / 1e9:.0f} GOPS",
            (right, rate / 1e9),
            xytext=(-4, 3),
            textcoords="offset points",
            ha="right",
            color=color,
            fontsize=8,
        )


def _draw_points(panel: Any, found: list[Point]) -> None:
    named = found[:MOST_NAMED]
    for point in found:
        color = COLORS.get(point.operands, "black")
        panel.plot(point.intensity, point.rate / 1e9, "o", color=color, markersize=6, alpha=0.8)
    for (x, y), numbers in _shared_labels(panel, named):
        text = ", ".join(map(str, numbers))
        panel.annotate(text, (x, y), xytext=(5, -10), textcoords="offset points", fontsize=8)
    lines = ["operation, fraction of its limit"]
    lines += [f"{n:2}  {_legend(point)}" for n, point in enumerate(named, 1)]
    if len(found) > len(named):
        lines.append(f"and {len(found) - len(named)} more")
    panel.annotate(
        "\n".join(lines),
        (1.02, 1.0),
        xycoords="axes fraction",
        va="top",
        fontsize=8,
        family="monospace",
        annotation_clip=False,
    )


def _legend(point: Point) -> str:
    times = f" ({point.count})" if point.count > 1 else ""
    fraction = f"  {point.fraction:.2f}" if point.fraction else ""
    return f"{point.name}{times}{fraction}"


def _shared_labels(panel: Any, found: list[Point]) -> list[tuple[tuple[float, float], list[int]]]:
    """Numbers of points, those of near ones together at the place of the first."""
    labels: list[tuple[tuple[float, float], list[int]]] = []
    places: list[tuple[float, float]] = []
    for number, point in enumerate(found, 1):
        at = (point.intensity, point.rate / 1e9)
        x, y = panel.transAxes.inverted().transform(panel.transData.transform(at))
        for (_, numbers), (a, b) in zip(labels, places, strict=True):
            if abs(a - x) < _NEAR and abs(b - y) < _NEAR:
                numbers.append(number)
                break
        else:
            labels.append((at, [number]))
            places.append((x, y))
    return labels
