"""Shows what `cpu.py` found: a table on the terminal, a picture of ours and the best peer."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.table import Table

Row = dict[str, Any]
OURS = "qdsl"
HEADINGS = ("limit", "ours", "± %", "of limit", "goal", "best peer", "us", "of limit", "peer/ours")
WORDS = ("best peer",)
WIDTHS = {8: "8 bits", 4: "4 bits", 2: "2 bits", 1: "1 bit"}
BITS = {"int8": 8, "int4": 4, "int2": 2, "binary": 1}
INK, PALE = "#1f4e79", "#c8c8c8"


def ours(row: Row) -> Row | None:
    """Our contender of the row."""
    found: Row | None = row["contenders"].get(OURS)
    return found


def best_peer(row: Row) -> tuple[str, Row] | None:
    """The fastest other contender; beside sparse weights our dense ones are one."""
    peers = [(n, c) for n, c in row["contenders"].items() if n != OURS]
    return min(peers, key=lambda peer: peer[1]["us"], default=None)


def table(rows: Iterable[Row]) -> Table:
    """Microseconds and fractions of the limit; green where the goal is reached."""
    shown = Table(box=SIMPLE, padding=(0, 1))
    shown.add_column("row", no_wrap=True)
    for heading in HEADINGS:
        shown.add_column(heading, justify="left" if heading in WORDS else "right", no_wrap=True)
    for row in rows:
        shown.add_row(row["key"], *_cells(row))
    return shown


def _cells(row: Row) -> list[str]:
    mine, peer = ours(row), best_peer(row)
    cells = [_number(row.get("limit_us"), ".1f")]
    if mine:
        low, high = mine["quartiles_us"]
        cells += [_number(mine["us"], ".1f"), f"{50 * (high - low) / mine['us']:.1f}"]
        cells += [_judged(mine["fraction"], row["goal"]), _goal(row)]
    else:
        cells += [""] * 4
    if peer:
        name, found = peer
        cells += [name, _number(found["us"], ".1f"), _number(found["fraction"], ".2f")]
        cells += [_judged(found["over_ours"], row["goal_ratio"])]
    return cells


def _goal(row: Row) -> str:
    return f"{row['goal_us']:.0f} µs" if row["goal_us"] else _number(row["goal"], ".2f")


def _number(value: float | None, style: str) -> str:
    return "" if value is None else format(value, style)


def _judged(value: float | None, goal: float | None) -> str:
    if value is None or goal is None:
        return _number(value, ".2f")
    return f"[{'green' if value >= goal else 'red'}]{value:.2f}[/]"


# ---- the picture ---------------------------------------------------------------------------------


def picture(rows: Sequence[Row], path: Path) -> None:
    """Fractions of the limit by regime and width; nothing where no row has a limit."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = _panels(rows)
    if not panels:
        return
    across = min(4, len(panels))
    down = -(-len(panels) // across)
    figure, axes = pyplot.subplots(
        down, across, figsize=(3.4 * across, 2.5 * down), squeeze=False, sharey=True
    )
    for axis in axes.flat[len(panels) :]:
        axis.axis("off")
    for axis, (title, members) in zip(axes.flat, panels.items(), strict=False):
        _panel(axis, title, members)
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="lower center", ncols=3)
    figure.suptitle("Fraction of what this machine can do: qdsl and the fastest other runtime")
    figure.tight_layout(rect=(0, 0.05, 1, 0.98))
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _panels(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows of groups of 128, or of an output at 8 bits, which have a limit and a goal."""
    panels: dict[str, list[Row]] = {}
    for row in rows:
        if row.get("limit_us") and row.get("group") in (0, 128) and row["goal"] is not None:
            threads = "1 thread" if row["threads"] == 1 else f"{row['threads']} threads"
            size = f"{row['outputs']}²"
            panels.setdefault(f"{row['regime']}, {size}, M = {row['rows']}, {threads}", []).append(
                row
            )
    return panels


def _panel(axis: Any, title: str, rows: Sequence[Row]) -> None:
    places = range(len(rows))
    for offset, color, label, fractions in (
        (-0.2, INK, "qdsl", [_fraction(ours(row)) for row in rows]),
        (0.2, PALE, "fastest other", [_fraction(_second(best_peer(row))) for row in rows]),
    ):
        axis.bar([p + offset for p in places], fractions, 0.38, color=color, label=label)
    for place, row in enumerate(rows):
        goal = row["goal"]
        axis.hlines(goal, place - 0.42, place + 0.42, color="black", linewidth=1, label="_")
        if peer := best_peer(row):
            axis.text(place + 0.2, 0.02, peer[0], rotation=90, ha="center", va="bottom", fontsize=6)
    axis.set_title(title, fontsize=9)
    axis.set_xticks([*places], [WIDTHS[BITS[row["weights"]]] for row in rows], fontsize=8)
    axis.set_ylim(0, 1.05)
    axis.spines[["top", "right"]].set_visible(False)


def _second(pair: tuple[str, Row] | None) -> Row | None:
    return pair[1] if pair else None


def _fraction(contender: Row | None) -> float:
    return (contender or {}).get("fraction") or 0.0
