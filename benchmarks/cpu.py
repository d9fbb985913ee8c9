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
ROUNDS = 15


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


<<<<<<< HEAD
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
=======
def _seconds(call: Call, count: int) -> float:
    clock = time.thread_time if torch.get_num_threads() == 1 else time.perf_counter
    begin = clock()
    for _ in range(count):
        call()
    return (clock() - begin) / count


def packed(weights: str, outputs: int, in_features: int) -> Tensor:
    """A packed weight of random codes."""
    bits, group = WIDTHS[weights]
    return repack(
        torch.randint(256, (outputs, in_features * bits // 8), dtype=torch.uint8),
        torch.rand(outputs, in_features // group if group else 1) * 0.02,
        kind="binary" if bits == 1 else "integer",
        bits=bits,
        outputs=outputs,
        in_features=in_features,
        group=group,
    )


def torch_int8(weight: Tensor, bias: Tensor) -> Callable[[Tensor], Tensor] | None:
    """torch's linear layer of int8 weights and dynamic activations, where this torch has it."""
    try:
        codes = torch.quantize_per_tensor(weight, 0.05, 0, torch.qint8)
        prepacked = torch.ops.quantized.linear_prepack(codes, bias)
    except (AttributeError, RuntimeError):
        return None
    return lambda x: torch.ops.quantized.linear_dynamic(x, prepacked)


def linear_rows(size: int, rows: int, rounds: int) -> Iterable[Row]:
    x, dense, bias = torch.randn(rows, size), torch.randn(size, size), torch.randn(size)
    y = torch.empty(rows, size)
    linear, int8 = operation("linear", "default"), torch_int8(dense, bias)

    def direct(weight: Tensor, activations: str) -> Call:
        arguments = (x.data_ptr(), 1, rows, size, weight.data_ptr(), weight.numel())
        output = (bias.data_ptr(), y.data_ptr(), size, CODES[activations], size)
        return lambda: _native.linear(*arguments, *output)

    def dispatched(weight: Tensor, activations: str) -> Call:
        return lambda: linear(x, weight, bias, size, activations)

    for weights in WIDTHS:
        weight = packed(weights, size, size)
        for activations in CODES:
            contenders: dict[str, Call] = {
                "call": dispatched(weight, activations),
                "kernel": direct(weight, activations),
                "float32": lambda: F.linear(x, dense, bias),
            }
            if int8 is not None:
                contenders["int8"] = partial(int8, x)
            t = medians(contenders, rounds)
            times = (t["call"], t["kernel"], t["float32"], t.get("int8"))
            yield Row("linear", weights, activations, f"{rows} x {size} x {size}", *times)


def lstm_rows(hidden: int, batch: int, rounds: int, time_steps: int = 50) -> Iterable[Row]:
    module = torch.nn.LSTM(hidden, hidden)
    x = torch.randn(time_steps, batch, hidden)
    state, bias = torch.zeros(batch, hidden), torch.randn(4 * hidden)
    linear, lstm = operation("linear", "default"), operation("lstm", "default")
    for weights in ("int8", "int4"):
        w_ih, w_hh = (packed(weights, 4 * hidden, hidden) for _ in range(2))
        for activations in CODES:

            def layer(a: str = activations, ih: Tensor = w_ih, hh: Tensor = w_hh) -> object:
                return lstm(linear(x, ih, bias, 4 * hidden, a), state, state, hh, None, a)

            t = medians({"call": layer, "float32": lambda: module(x)}, max(5, rounds // 4))
            shape = f"{time_steps} x {batch} x {hidden}"
            yield Row("lstm", weights, activations, shape, t["call"], None, t["float32"], None)


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def table(rows: Iterable[Row]) -> Table:
    shown = Table(
        title="microseconds of a call, and ratios to those of torch", box=SIMPLE, padding=(0, 1)
    )
    for name in ("operation", "weights", "activations", "shape"):
        shown.add_column(name, no_wrap=True)
    for name in (
        "call",
        "kernel",
        "torch f32",
        "torch int8",
        "f32/call",
        "f32/kernel",
        "int8/call",
    ):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        times = (row.call_us, row.kernel_us, row.float32_us, row.int8_us)
        cells = [*(_cell(t, ".1f") for t in times), *(_cell(r, ".2f") for r in row.ratios.values())]
        shown.add_row(row.operation, row.weights, row.activations, row.shape, *cells)
    return shown


def _cell(value: float | None, style: str) -> str:
    return "" if value is None else format(value, style)
>>>>>>> 476eee0 (Packed weights in blocks of 64 outputs: one stream, scales in their type, N:M by masks)


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
