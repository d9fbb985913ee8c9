"""Times what a call of an operation costs beside its kernel.

`call` is the operation through torch's dispatcher, `function` the compiled function that it leads
to, given the same tensors, and `empty` the call given no rows, which no kernel serves. `entry`
calls a packed program of one such layer. Contenders take turns; a figure is the median of its
turns, in time on the processor.
"""

import statistics
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from machine import keep
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from torch import Tensor

from qdsl import load_spec
from qdsl.fx import Program, load
from qdsl.fx.ops import backend, operation
from qdsl_cpu import operations
from qdsl_cpu.weights import repack

TURN = 3e-4  # seconds of calls in one turn: short, so that most are not interrupted
GROUP = 64
SPEC = """qspec 1
model One() {{
    blocks = repeat 2 {{ Linear({size}, {size}) }}
    entry forward(x: f32[B, {size}]) {{ return blocks(x) }}
}}
policy packed for One {{
    default {{ weights = f32 }}
    **:Linear {{
        weights = int4(group = {group}, scale = f16)
        activations = int8(dynamic, per = token)
    }}
}}
variant it {{ model = One(); policy = packed }}
"""

Call = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Row:
    """Microseconds of a call of each."""

    operation: str
    shape: str
    call: float
    function: float
    empty: float
    entry: float | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        figures = (self.call, self.function, self.empty, self.entry)
        return (self.operation, self.shape, *("" if f is None else f"{f:.2f}" for f in figures))


def medians(contenders: Mapping[str, Call], rounds: int) -> dict[str, float]:
    """Microseconds of a call of each, in turns."""
    counts = {name: max(1, int(TURN / seconds(call, 3))) for name, call in contenders.items()}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            times[name].append(seconds(call, counts[name]) * 1e6)
    return {name: statistics.median(each) for name, each in times.items()}


def seconds(call: Call, count: int) -> float:
    begin = time.thread_time()
    for _ in range(count):
        call()
    return max(time.thread_time() - begin, 1e-9) / count


def packed(outputs: int, in_features: int) -> Tensor:
    """Int4 of random codes."""
    return repack(
        torch.randint(256, (outputs, in_features // 2), dtype=torch.uint8),
        torch.rand(outputs, in_features // GROUP, dtype=torch.float16) * 0.02,
        kind="integer",
        bits=4,
        outputs=outputs,
        in_features=in_features,
        group=GROUP,
    )


def program(size: int) -> Program:
    """Two layers, one after the other."""
    with TemporaryDirectory() as folder:
        spec, file = Path(folder) / "one.qspec", Path(folder) / "one.qpack"
        spec.write_text(SPEC.format(size=size, group=GROUP))
        load_spec(spec).variants["it"].program(seed=0).to_qat().pack(file)
        return load(file)


def linear(size: int, rounds: int) -> Row:
    x, bias = torch.randn(1, size), torch.randn(size)
    weight, entry = packed(size, size), program(size).entry("forward")
    call, given = operation("linear", "default"), (weight, bias, size, "int8_token")
    none = x[:0]
    contenders: dict[str, Call] = {
        "call": lambda: call(x, *given),
        "function": lambda: operations.linear(x, *given),
        "empty": lambda: call(none, *given),
        "entry": lambda: entry(x),
    }
    found = medians(contenders, rounds)
    found["entry"] /= 2
    return Row("linear", f"1 x {size} x {size}", **found)


def embedding(size: int, rounds: int) -> Row:
    ids, table = torch.tensor([[3]]), packed(1024, size)
    call, none = operation("embedding", "default"), ids[:, :0]
    contenders: dict[str, Call] = {
        "call": lambda: call(ids, table, size),
        "function": lambda: operations.embedding(ids, table, size),
        "empty": lambda: call(none, table, size),
    }
    return Row("embedding", f"1 of 1024 x {size}", **medians(contenders, rounds))


def lstm(hidden: int, rounds: int) -> Row:
    gates, h, c = torch.randn(1, 1, 4 * hidden), torch.zeros(1, hidden), torch.zeros(1, hidden)
    call = operation("lstm", "default")
    given = (h, c, packed(4 * hidden, hidden), None, "int8_token")
    none = gates[:0]
    contenders: dict[str, Call] = {
        "call": lambda: call(gates, *given),
        "function": lambda: operations.lstm(gates, *given),
        "empty": lambda: call(none, *given),
    }
    return Row("lstm", f"a step of 1 x {hidden}", **medians(contenders, rounds))


def rows(rounds: int) -> Iterator[Row]:
    for size in (64, 256, 1024):
        yield linear(size, rounds)
    yield embedding(256, rounds)
    yield lstm(64, rounds)
    yield lstm(256, rounds)


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=301)
    options = parser.parse_args()
    torch.set_num_threads(1)
    backend("cpu")
    headings = ("operation", "shape", "call", "function", "empty", "entry")
    table = Table(*headings, box=SIMPLE, title="microseconds")
    with torch.inference_mode():
        found = list(rows(options.rounds))
    for row in found:
        table.add_row(*row.cells)
    Console().print(table)
    keep("calls", {"group": GROUP, "rows": [asdict(row) for row in found]})


if __name__ == "__main__":
    main()
