"""Times a Conformer encoder, packed and in other runtimes, and says where our time goes.

The network of `encoder.qspec` (17 blocks, d = 512, relative attention) on one utterance of 1,000
frames. What others run is exported from ours by torch and quantized by their own tools; every
output is compared with torch's. Contenders take turns; ratios are of the same round. What is made
for it is kept in build/encoder; `--fresh` makes it anew.
"""

import argparse
import contextlib
import io
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from cpu_rows import Cell
from cpu_run import OURS, RUNTIMES, Processes, measure, prepare
from machine import RESULTS, write
from peers.problem import Encoder
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
SPEC = HERE / "encoder.qspec"
FOLDER = HERE.parent / "build" / "encoder"
FRAMES, WIDTH = 1000, 512
EAGER, BEST = "torch f32", "qdsl int4"
PEERS = [name for name in RUNTIMES if name not in (OURS, "ggml")]
GOAL = 2.5  # times torch's speed
ROUNDS = 7
CONSOLE = Console(width=120)


def export(folder: Path) -> None:
    """Writes the float network as ONNX for any number of frames."""
    import onnx
    import torch
    from onnxruntime.quantization.onnx_model import ONNXModel

    from qdsl import load_spec

    program = load_spec(SPEC).variants["float"].program(seed=0).eval()
    frames = torch.export.Dim("frames", min=16, max=8192)
    with contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
        exported = torch.export.export(
            program.graph_module("forward"),
            (torch.zeros(1, FRAMES, WIDTH),),
            dynamic_shapes=({1: frames},),
            prefer_deferred_runtime_asserts_over_guards=True,
        )
        made = torch.onnx.export(exported, dynamo=True, opset_version=20, optimize=True)
    assert made is not None
    model = ONNXModel(made.model_proto)
    model.replace_gemm_with_matmul()  # which the tools that quantize know
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model.model, folder / "float.onnx")


def rows(options: argparse.Namespace, versions: dict[str, str]) -> Iterator[dict[str, Any]]:
    """One row for each number of threads, as `cpu.py` has them, with errors of the outputs."""
    problem = Encoder(str(SPEC), str(FOLDER), options.frames, WIDTH)
    processes = Processes([OURS, *options.peers], CONSOLE)
    try:
        for count in options.threads:
            runtimes = processes.of(count)
            cell = Cell("Conformer", problem, (1,), count)
            field = prepare(runtimes, cell)
            row = measure(runtimes, cell, field, 1, options.rounds)
            for name, contender in row["contenders"].items():
                contender["error"] = difference(name)
            versions |= processes.versions
            yield row
    finally:
        processes.close()


def difference(name: str) -> float | None:
    """Of an output from torch's, by their norms."""
    if not (FOLDER / f"{EAGER}.npy").exists():
        return None
    exact, found = (np.load(FOLDER / f"{n}.npy") for n in (EAGER, name))
    return round(float(np.linalg.norm(found - exact) / np.linalg.norm(exact)), 5)


def table(row: dict[str, Any]) -> Table:
    threads = row["threads"]
    shown = Table(
        box=SIMPLE, title=f"{row['frames']} frames, {threads} thread{'s' * (threads > 1)}"
    )
    for heading in ("", "ms", "± %", "over torch f32", f"{BEST} over it", "error"):
        shown.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    found = row["contenders"]
    eager = found.get(EAGER, {}).get("us")
    for name, one in sorted(found.items(), key=lambda item: item[1]["us"]):
        low, high = one["quartiles_us"]
        cells = [f"{one['us'] / 1e3:.0f}", f"{50 * (high - low) / one['us']:.1f}"]
        cells.append(f"{eager / one['us']:.2f}" if eager else "")
        cells.append(f"{one['over_ours']:.2f}" if one["over_ours"] else "")
        shown.add_row(name, *cells, f"{one['error']:.4f}" if one["error"] is not None else "")
    return shown


def profile(threads: int, frames: int) -> list[dict[str, Any]]:
    """Milliseconds of the packed int4 encoder by layer and by operation, over all blocks."""
    import qdsl
    from qdsl.bench.model import Plan, bench_model

    program = qdsl.load(FOLDER / "int4.qpack")
    (entry,) = program.ir.entries
    plan = Plan(threads=threads, rounds=3)
    report = bench_model(program, "int4", entry, {"B": 1, "T": frames}, plan)
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    fractions: dict[str, list[float]] = defaultdict(list)
    for layer in report.layers:
        place = layer.path.rpartition("].")[2]
        times[place, f"{layer.operation} {layer.format}"].append(layer.seconds.median)
        if layer.fraction:
            fractions[place].append(layer.fraction.median)
    for rest in report.rest:
        times["", rest.operation].append(rest.seconds.median)
    rows = [
        {
            "place": place,
            "operation": operation,
            "ms": round(sum(seconds) * 1e3, 2),
            "of_limit": round(median(found), 3) if (found := fractions.get(place)) else None,
        }
        for (place, operation), seconds in times.items()
    ]
    return sorted(rows, key=lambda row: -row["ms"])


def show_profile(rows: list[dict[str, Any]], threads: int) -> None:
    """Those of at least 0.5 %."""
    total = sum(row["ms"] for row in rows)
    shown = Table(box=SIMPLE, title=f"{BEST}, one run on {threads}: {total:.0f} ms")
    for heading in ("layer", "operation", "ms", "%", "of limit"):
        side = "left" if heading in ("layer", "operation") else "right"
        shown.add_column(heading, justify=side, no_wrap=True)
    for row in rows:
        if row["ms"] > 0.005 * total:
            limit = "" if row["of_limit"] is None else f"{row['of_limit']:.2f}"
            cells = (f"{row['ms']:.1f}", f"{100 * row['ms'] / total:.1f}", limit)
            shown.add_row(row["place"], row["operation"], *cells)
    CONSOLE.print(shown)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--peers", nargs="*", default=PEERS, help="beside ours")
    parser.add_argument("--fresh", action="store_true", help="make all networks anew")
    parser.add_argument("--out", type=Path, help="results/encoder.json where peers are all")
    options = parser.parse_args()
    if options.fresh:
        shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for output in FOLDER.glob("*.npy"):  # of an earlier run
        output.unlink()
    if not (FOLDER / "float.onnx").exists():
        try:
            export(FOLDER)
        except ImportError as error:
            CONSOLE.print(f"no export, so only torch beside ours: {error}", style="yellow")
    versions: dict[str, str] = {}
    found = []
    for row in rows(options, versions):
        found.append(row)
        CONSOLE.print(table(row))
        for name, message in row["failed"].items():
            CONSOLE.print(f"{name}: {message}", style="yellow", markup=False)
    times = profile(options.threads[0], options.frames)
    show_profile(times, options.threads[0])
    out = options.out or (
        RESULTS / "encoder.json" if options.peers == PEERS and options.frames == FRAMES else None
    )
    if out:
        result = {"frames": options.frames, "goal": GOAL, "rounds": options.rounds, "rows": found}
        write(out, {**result, "profile": times}, versions)
        CONSOLE.print(f"written to {out}")


if __name__ == "__main__":
    main()
