"""Times the processor's kernels beside other runtimes: products by regime and width, LSTM layers.

Each runtime is a process; one is timed at a time, and they take turns. Beside ours, in each round,
stands the limit: max(bytes / bandwidth, operations / peak), both measured again; a fraction is the
median over rounds of limit / time, a ratio that of time / our time. Everything is float32 in and
out. A runtime that is not installed is left out: `pip install 'qdsl[peers]'`, `llama-cpp-python`.
"""

import argparse
import fnmatch
import json
from pathlib import Path
from typing import Any

from cpu_rows import Cell, cells
from cpu_run import LIMITS, OURS, RUNTIMES, Processes, measure, prepare
from cpu_show import picture, table
from machine import RESULTS, write
from rich.console import Console

CONSOLE = Console(width=150)
ROUNDS = 11


def run(
    wanted: list[Cell],
    processes: Processes,
    rounds: int,
    rows: dict[str, dict[str, Any]],
    save: Any,
) -> None:
    """Fills in the rows that are not there yet, and saves after each cell."""
    for cell in wanted:
        runtimes = processes.of(cell.threads)
        field = prepare(runtimes, cell)
        found = []
        for count in cell.rows:
            row = measure(runtimes, cell, field, count, rounds)
            rows[row["key"]] = row
            found.append(row)
        CONSOLE.print(table(found))
        for name, message in field.failed.items():
            CONSOLE.print(f"{name}: {message}", style="yellow", markup=False)
        save()


def select(patterns: list[str]) -> list[Cell]:
    """Cells with a row whose key a pattern describes, with those rows only."""
    found = []
    for cell in cells():
        counts = tuple(
            n for n in cell.rows if any(fnmatch.fnmatch(cell.key(n), f"*{p}*") for p in patterns)
        )
        if counts:
            found.append(Cell(cell.regime, cell.problem, counts, cell.threads))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", nargs="+", default=["*"], metavar="KEY", help="see --list")
    parser.add_argument("--peers", nargs="*", default=[*RUNTIMES[1:]], help="beside ours")
    parser.add_argument("--list", action="store_true", help="the keys of all rows")
    parser.add_argument("--resume", action="store_true", help="keep the rows that OUT has")
    parser.add_argument("--out", type=Path, help="results/cpu.json where all is timed")
    options = parser.parse_args()
    wanted = select(options.only)
    if options.list:
        return print(*(cell.key(n) for cell in wanted for n in cell.rows), sep="\n")
    out = options.out or (RESULTS / "cpu.json" if options.only == ["*"] else None)
    rows = _kept(out) if options.resume and out else {}
    wanted = [
        Cell(c.regime, c.problem, left, c.threads)
        for c in wanted
        if (left := tuple(n for n in c.rows if c.key(n) not in rows))
    ]
    processes = Processes([LIMITS, OURS, *options.peers], CONSOLE)

    def save() -> None:
        if out:
            write(out, {"rounds": options.rounds, "rows": [*rows.values()]}, processes.versions)

    try:
        run(wanted, processes, options.rounds, rows, save)
    finally:
        processes.close()
    if out:
        picture([*rows.values()], out.with_suffix(".png"))
        CONSOLE.print(f"written to {out} and {out.with_suffix('.png')}")


def _kept(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    return {row["key"]: row for row in json.loads(path.read_text())["rows"]}


if __name__ == "__main__":
    main()
