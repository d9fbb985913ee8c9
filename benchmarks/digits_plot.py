"""Draws error rates, a line a row, the smallest files first."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
from digits_rows import FLOAT, Result, Row

from qdsl.tasks.asr.score import Score, interval

MARKS = {"trained": "o", "rounded": "x", "compensated": "^"}
COLORS = {"trained": "tab:blue", "rounded": "tab:red", "compensated": "tab:orange"}


def plot(results: Mapping[Row, Result], path: Path) -> None:
    """One panel in silence, one in noise; bars are 95 % bootstrap intervals, the line is float."""
    ordered = sorted(results.items(), key=lambda item: (item[1].bytes, item[0].name), reverse=True)
    figure, panels = plt.subplots(1, 2, figsize=(14, 0.26 * len(ordered) + 1.5), sharey=True)
    for panel, name in zip(panels, ("clean", "noisy"), strict=True):
        for place, (row, result) in enumerate(ordered):
            wer, low, high = _rates(result, name)
            style = {"fmt": MARKS[row.method], "color": COLORS[row.method]}
            panel.errorbar(wer, place, xerr=[[wer - low], [high - wer]], **style)
        panel.axvline(_rates(results[Row(FLOAT)], name)[0], color="gray", linewidth=0.8)
        panel.set(xlabel="WER, %", title=name)
        panel.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(len(ordered)), [_label(row, result) for row, result in ordered])
    for method, mark in MARKS.items():
        panels[1].plot([], [], mark, color=COLORS[method], label=method)
    panels[1].legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def _rates(result: Result, name: str) -> tuple[float, float, float]:
    """Error rate and interval in per cent."""
    heard = getattr(result, name)
    score = Score(heard.errors, heard.words)
    low, high = interval(score)
    return 100 * score.wer, 100 * low, 100 * high


def _label(row: Row, result: Result) -> str:
    method = "" if row.method == "trained" else f" {row.method}"
    seed = f", seed {row.seed}" if row.seed else ""
    return f"{row.variant}{method}{seed}   {result.bytes / 1024:,.0f} KiB"
