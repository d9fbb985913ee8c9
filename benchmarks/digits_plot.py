"""Draws error rates over file sizes."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
from digits_rows import Result, Row

from qdsl.tasks.asr.score import Score, interval

MARKS = {"trained": "o", "rounded": "x", "compensated": "^"}


def plot(results: Mapping[Row, Result], path: Path) -> None:
    """One panel in silence, one in noise; bars are 95 % bootstrap intervals."""
    figure, panels = plt.subplots(1, 2, figsize=(15, 6.5), sharex=True)
    for panel, name in zip(panels, ("clean", "noisy"), strict=True):
        for row, result in results.items():
            heard = getattr(result, name)
            score = Score(heard.errors, heard.words)
            low, high = interval(score)
            kilobytes, wer = result.bytes / 1024, 100 * score.wer
            bars = [[wer - 100 * low], [100 * high - wer]]
            color = {"trained": "tab:blue", "rounded": "tab:red"}.get(row.method, "tab:orange")
            panel.errorbar(
                kilobytes, wer, yerr=bars, fmt=MARKS[row.method], color=color, alpha=0.75
            )
            label = row.variant if row.method == "trained" else f"{row.variant} {row.method}"
            panel.annotate(label, (kilobytes, wer), (4, 4), textcoords="offset points", fontsize=7)
        panel.set(xscale="log", xlabel="file, KiB", ylabel="WER, %", title=name)
        panel.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)
