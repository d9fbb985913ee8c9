"""Times the processor's kernels beside torch in one run: linear layers and LSTM layers.

Contenders take turns, and a figure is the median of its rounds; with one thread it is time on the
processor, which a busy machine lengthens less. Weights stay in the caches, as those of a small
recognizer do. `call` is the operation through torch's dispatcher, `kernel` the
same without Python's share of it. Ratios above 1 are in favour of qdsl.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from torch import Tensor

from qdsl.fx.ops import backend, operation
from qdsl_cpu import _native
from qdsl_cpu.backend import isa
from qdsl_cpu.weights import repack

RESULTS = Path(__file__).parent / "results"
SIZES = (128, 256, 512, 1024)  # outputs and inputs
ROWS = (1, 4, 32)
WIDTHS = {"int8": (8, 0), "int4": (4, 128), "int2": (2, 64), "binary": (1, 64)}  # bits, group
CODES = {"f32": 0, "int8_token": 1}
WIDTH = 150  # characters of the table
TURN = 3e-4  # seconds of calls in one turn: short, so that most are not interrupted

Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Row:
    """Microseconds of one case, and what the others took for each of ours."""

    operation: str
    weights: str
    activations: str
    shape: str
    call_us: float
    kernel_us: float | None
    float32_us: float
    int8_us: float | None

    @property
    def ratios(self) -> dict[str, float | None]:
        kernel, int8 = self.kernel_us, self.int8_us
        return {
            "float32_over_call": self.float32_us / self.call_us,
            "float32_over_kernel": None if kernel is None else self.float32_us / kernel,
            "int8_over_call": None if int8 is None else int8 / self.call_us,
        }


def medians(contenders: Mapping[str, Call], rounds: int) -> dict[str, float]:
    """Microseconds of a call of each, in turns."""
    counts = {name: max(1, int(TURN / _seconds(call, 3))) for name, call in contenders.items()}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            times[name].append(_seconds(call, counts[name]) * 1e6)
    return {name: statistics.median(each) for name, each in times.items()}


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
        output = (bias.data_ptr(), y.data_ptr(), size, CODES[activations])
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=101)
    parser.add_argument("--out", type=Path, default=RESULTS / f"cpu-{date.today()}.json")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    backend("cpu")
    rows: list[Row] = []
    with torch.inference_mode():
        for size in SIZES:
            for count in ROWS:
                rows += linear_rows(size, count, options.rounds)
        for hidden, batch in ((128, 1), (256, 1), (256, 8)):
            rows += lstm_rows(hidden, batch, options.rounds)
    Console(width=WIDTH).print(table(rows))
    result = {
        "machine": {"processor": processor(), "isa": isa(), "threads": options.threads},
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "rows": [asdict(row) | row.ratios for row in rows],
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
