"""Shows what came of it: a table, a picture, and rows of JSON."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from demo.evaluation import Evaluation
from demo.plan import FLOAT_VARIANT
from qdsl.replacing import replacing
from qdsl.size.report import Report
from qdsl.tasks.asr.score import Score, interval, paired_interval

HEADINGS = (
    *("variant", "WER float", "QAT", "packed", "95 %", "predicted B", "on disk B", "of f32"),
    *("bits/w", "RTF", "speed", "exact", "trained", "verify"),
)
WIDTH = 144  # of the table: it is not squeezed to a narrower terminal


@dataclass(frozen=True, slots=True)
class Row:
    """One variant: sizes in bytes, error rates as shares, speeds as ratios."""

    evaluation: Evaluation
    float_score: Score
    report: Report
    file_bytes: int
    real_time_factor: float
    speed: float

    @property
    def variant(self) -> str:
        return self.evaluation.variant

    @property
    def bits_per_weight(self) -> float:
        return float(Fraction(8 * self.file_bytes, self.report.params))

    def to_json(self) -> dict[str, Any]:
        found = self.evaluation
        low, high = paired_interval(self.float_score, found.packed)
        return {
            "variant": self.variant,
            "wer_float": self.float_score.wer,
            "wer_qat": found.qat.wer,
            "wer_packed": found.packed.wer,
            "wer_packed_interval": list(interval(found.packed)),
            "wer_packed_minus_float_interval": [low, high],
            "test_words": sum(found.packed.words),
            "test_utterances": len(found.packed.words),
            "predicted_bytes": self.report.total_bytes,
            "file_bytes": self.file_bytes,
            "float32_bytes": self.report.float32_bytes,
            "bits_per_weight": self.bits_per_weight,
            "real_time_factor": self.real_time_factor,
            "speed_over_float_graph": self.speed,
            "utterances_same_ids_exact": found.same_exact,
            "utterances_same_ids_training": found.same_training,
            "verified": found.report.ok,
        }


def show(rows: Sequence[Row]) -> None:
    """The table; WER of the float graph is that of the float variant, for all."""
    table = Table(
        title="Held-out speaker theo: 500 words spliced into strings of 1 to 7 digits",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for heading in HEADINGS:
        table.add_column(heading, justify="left" if heading == "variant" else "right", no_wrap=True)
    for row in rows:
        found = row.evaluation
        low, high = interval(found.packed)
        total = len(found.packed.words)
        table.add_row(
            row.variant,
            *(f"{100 * s.wer:.1f} %" for s in (row.float_score, found.qat, found.packed)),
            f"{100 * low:.1f}–{100 * high:.1f}",
            f"{row.report.total_bytes:,}",
            f"{row.file_bytes:,}",
            f"1/{row.report.float32_bytes / row.file_bytes:.2f}",
            f"{row.bits_per_weight:.2f}",
            f"{row.real_time_factor:.4f}",
            f"{row.speed:.2f}x",
            f"{found.same_exact}/{total}",
            f"{found.same_training}/{total}",
            "ok" if found.report.ok else "MISMATCH",
        )
    console = Console(width=max(Console().width, WIDTH))
    console.print(table)
    console.print(
        "WER float: the float graph after as many steps. RTF, speed (packed over float): batch "
        "1, one thread, features to ids.\nexact, trained: utterances with the same ids in the QAT "
        "graph, in exact mode and as trained, and in the packed graph.",
        highlight=False,
    )

    for row in rows:
        for exception in row.evaluation.exceptions:
            console.print(f"{row.variant}, {exception}", highlight=False)


def write_json(rows: Sequence[Row], path: Path) -> None:
    text = json.dumps({"rows": [row.to_json() for row in rows]}, indent=1) + "\n"
    with replacing(path) as file:
        file.write(text.encode())


def plot(rows: Sequence[Row], path: Path) -> None:
    """Word error rate against bytes on disk, both of the packed files."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    for number, row in enumerate(sorted(rows, key=lambda r: r.file_bytes)):
        low, high = interval(row.evaluation.packed)
        kib, wer = row.file_bytes / 1024, 100 * row.evaluation.packed.wer
        errors = [[wer - 100 * low], [100 * high - wer]]
        color = "tab:gray" if row.variant == FLOAT_VARIANT else "tab:blue"
        axes.errorbar(kib, wer, yerr=errors, fmt="o", color=color, capsize=3)
        # points may lie on one another: labels stand above, below right and below left in turn
        side = "right" if number % 4 == 2 else "left"
        offset = (-6 if side == "right" else 6, 8 if number % 2 else -14)
        axes.annotate(row.variant, (kib, wer), xytext=offset, textcoords="offset points", ha=side)
    axes.set_xscale("log")
    ticks = [n for n in (64, 128, 256, 512, 1024, 2048, 4096, 8192) if _within(n, rows)]
    axes.set_xticks(ticks, [str(n) for n in ticks])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.set(
        xlabel="packed file, KiB",
        ylabel="word error rate, %",
        title="Connected digits, held-out speaker (95 % bootstrap)",
    )
    figure.savefig(path, dpi=150)
    pyplot.close(figure)


def _within(kib: int, rows: Sequence[Row]) -> bool:
    sizes = [row.file_bytes / 1024 for row in rows]
    return min(sizes) / 1.5 <= kib <= max(sizes) * 1.5
