"""Checks, tunes and times the kernels for GPUs beside other libraries, in at most ten minutes.

First every format is held to the reference; then tiles are tuned, and kept as data that the back
end reads; then products are timed beside cuBLAS, tinygemm, gemlite, humming, torchao and mslk, and
encoders beside torch; last a step of training, rounded beside float. Times are of CUDA graphs over
weights that no cache holds, of training by the clock; shares are of a copy's bandwidth in the same
round. Each library is a process of its own: one that fails, or is not installed, is a line in the
rows. The file is written after each row, and a later run goes on from there. `--dry` runs all of it
in small on the processor, by Triton's interpreter: its times mean nothing.
"""

import argparse
import fnmatch
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gpu_rows
from gpu_run import (
    COPY,
    OURS,
    PEERS,
    Runtimes,
    Time,
    check_rows,
    network_rows,
    product_rows,
    training_rows,
    tune_rows,
)
from gpu_show import lines, steps, table
from machine import RESULTS, write
from rich.console import Console

import qdsl_gpu
from qdsl_gpu.devices import availability

CONSOLE = Console(width=150)
PHASES = {
    "check": check_rows,
    "tune": tune_rows,
    "products": product_rows,
    "networks": network_rows,
    "training": training_rows,
}
SECONDS = 570.0
SHIPPED = Path(qdsl_gpu.__file__).parent / "tuned"


def gpu() -> dict[str, str]:
    """Name, driver and memory, as the driver's own tool tells them."""
    fields = ("name", "driver_version", "memory.total")
    command = ("nvidia-smi", f"--query-gpu={','.join(fields)}", "--format=csv,noheader", "--id=0")
    try:
        line = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as failure:
        return {"name": "unknown", "why": str(failure)}
    return dict(zip(fields, (part.strip() for part in line.split(",")), strict=False))


def kept(path: Path, device: dict[str, str], dry: bool) -> dict[str, dict[str, Any]]:
    """Rows of an earlier run on the same device, by key; rows that failed are tried again."""
    try:
        given = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    if (given["gpu"], given["dry"]) != (device, dry):
        CONSOLE.print(f"{path} is of another device, and begun anew", style="yellow")
        return {}
    return {row["key"]: row for row in given["rows"] if "error" not in row or "passed" in row}


def run(options: argparse.Namespace, device: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Fills in the rows that are not there yet, and saves after each."""
    plan = gpu_rows.DRY if options.dry else gpu_rows.Plan()
    rows = {} if options.fresh else kept(options.out, device, options.dry)
    runtimes = Runtimes([COPY, OURS, *options.peers], Time(options.seconds), CONSOLE)
    try:
        for phase in options.phases:
            for row in PHASES[phase](runtimes, plan, {*rows}):
                rows[row["key"]] = row
                found = {"dry": options.dry, "gpu": device, "missing": runtimes.missing}
                write(options.out, {**found, "rows": [*rows.values()]}, runtimes.versions)
                CONSOLE.print(f"{runtimes.time.left:4.0f} s  {row['key']}", markup=False)
    finally:
        runtimes.close()
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry", action="store_true", help="in small, without a GPU")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="after which it ends")
    parser.add_argument("--phases", nargs="+", choices=PHASES, default=[*PHASES])
    parser.add_argument("--peers", nargs="*", default=[*PEERS], help="beside ours")
    parser.add_argument("--fresh", action="store_true", help="forget the rows of earlier runs")
    parser.add_argument("--show", action="store_true", help="the rows of earlier runs, no more")
    parser.add_argument("--out", type=Path, help="results/gpu.json, or build/gpu-dry.json")
    parser.add_argument("--tuned", type=Path, help="folder of tuned tiles; the back end's own")
    options = parser.parse_args()
    build = RESULTS.parent.parent / "build"
    options.out = options.out or (build / "gpu-dry.json" if options.dry else RESULTS / "gpu.json")
    options.tuned = options.tuned or (build / "gpu-dry" if options.dry else SHIPPED)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    if options.show:
        return show([*json.loads(options.out.read_text())["rows"]], options)
    if options.dry:
        os.environ |= {"QDSL_BENCH_DRY": "1", "TRITON_INTERPRET": "1"}
    elif not (state := availability()).available or state.reason:
        CONSOLE.print(f"no GPU is at hand, so nothing is measured: {state.reason}", style="red")
        return 1
    os.environ["QDSL_TUNED"] = str(options.tuned.resolve())
    rows = run(options, {"name": "none: dry"} if options.dry else gpu())
    return show([*rows.values()], options)


def show(rows: list[dict[str, Any]], options: argparse.Namespace) -> int:
    """Tables; 1 where a check does not hold."""
    CONSOLE.print(lines(rows), markup=False)
    if options.dry:
        CONSOLE.print("dry: no time below is one of a GPU", style="yellow")
    CONSOLE.print(table(rows))
    CONSOLE.print(steps(rows))
    CONSOLE.print(f"written to {options.out}", markup=False)
    checks = [row for row in rows if fnmatch.fnmatch(row["key"], "check/*")]
    return int(not all(row.get("passed") for row in checks))


if __name__ == "__main__":
    sys.exit(main())
