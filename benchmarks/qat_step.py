"""Times a training step as it will be packed against the float step, and compares their memory.

The Conformer of `conformer.qspec` (4 blocks, d = 256), 8 utterances of 8 seconds: forward,
backward, AdamW. Contenders take turns; a ratio is of steps that stand next to each other. Memory is
the most that a process of its own holds above what it held before the program was made.
"""

import json
import re
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from machine import keep
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import track
from rich.table import Table

from qdsl import load_spec
from qdsl.fx import Program

SPEC = Path(__file__).resolve().parent / "conformer.qspec"
FLOAT = "float"
ROUNDS = 7
UTTERANCES, FRAMES, BINS = 8, 800, 80
HEADINGS = ("variant", "linear maps", "ms", "ratio", "quartiles", "MiB", "ratio")


@dataclass(frozen=True, slots=True)
class Row:
    """Seconds of a step, its ratio to the float step beside it, and bytes held at most."""

    variant: str
    formats: str
    seconds: float
    ratio: float
    quartiles: tuple[float, float]
    bytes: int
    memory_ratio: float


class Contender:
    """A program in training with its optimizer; `step` runs one step."""

    def __init__(self, variant: str) -> None:
        program = load_spec(SPEC).variants[variant].program(seed=0)
        self.program: Program = program.train() if variant == FLOAT else program.to_qat().train()
        self.optimizer = torch.optim.AdamW(self.program.parameters(), lr=1e-4)
        generator = torch.Generator().manual_seed(0)
        self.audio = torch.randn(UTTERANCES, FRAMES, BINS, generator=generator)

    def step(self) -> float:
        begin = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        self.program(self.audio).square().mean().backward()
        self.optimizer.step()
        return time.perf_counter() - begin


def measure(variants: tuple[str, ...], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Of each variant (seconds, ratio to the float step before it), round by round."""
    contenders = {v: Contender(v) for v in variants}
    found: dict[str, list[tuple[float, float]]] = {v: [] for v in variants}
    for contender in contenders.values():
        contender.step()
    console = Console(stderr=True)
    for _ in track(range(rounds), "rounds", console=console, disable=not console.is_terminal):
        for variant, contender in contenders.items():
            beside = contenders[FLOAT].step()
            seconds = contender.step()
            found[variant].append((seconds, seconds / beside))
    return found


def held(variant: str) -> int:
    """Bytes that training the variant takes, in a process of its own."""
    command = (sys.executable, __file__, "--memory", variant)
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return int(json.loads(output))


def _held_here(variant: str) -> int:
    torch.ones(8, 8) @ torch.ones(8, 8)  # what torch itself takes is not the program's
    before = _status("VmRSS")
    contender = Contender(variant)
    for _ in range(3):
        contender.step()
    return _status("VmHWM") - before


def _status(field: str) -> int:
    text = Path("/proc/self/status").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB$", text, re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def show(rows: list[Row]) -> None:
    table = Table(
        box=SIMPLE, title=f"{UTTERANCES} x {FRAMES} frames, {torch.get_num_threads()} th."
    )
    for heading in ("variant", "linear maps", "ms", "ratio", "quartiles", "MiB", "ratio"):
        table.add_column(
            heading, justify="left" if heading in ("variant", "linear maps") else "right"
        )
    for r in rows:
        low, high = r.quartiles
        table.add_row(
            r.variant,
            r.formats,
            f"{1e3 * r.seconds:.0f}",
            f"{r.ratio:.2f}",
            f"{low:.2f}..{high:.2f}",
            f"{r.bytes / 2**20:.0f}",
            f"{r.memory_ratio:.2f}",
        )
    Console().print(table)


def _row(variant: str, runs: list[tuple[float, float]], memory: int, reference: int) -> Row:
    model = load_spec(SPEC).variants[variant].model
    format = model.storage("blocks[0].ff1.up.weight").format
    dynamic = " with int8 activations" if "blocks[0].ff1.up" in model.activations else ""
    ratios = sorted(ratio for _, ratio in runs)
    low, middle, high = statistics.quantiles(ratios, n=4)
    seconds = statistics.median(s for s, _ in runs)
    return Row(
        variant, f"{format}{dynamic}", seconds, middle, (low, high), memory, memory / reference
    )


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--memory", metavar="VARIANT", help="print the bytes of one, and end")
    parser.add_argument("variants", nargs="*", help="all, where none is named")
    arguments = parser.parse_args()
    if arguments.memory:
        print(_held_here(arguments.memory))
        return
    variants = tuple(dict.fromkeys((FLOAT, *(arguments.variants or load_spec(SPEC).variants))))
    runs = measure(variants, arguments.rounds)
    memory = {v: held(v) for v in variants}
    rows = [_row(v, runs[v], memory[v], memory[FLOAT]) for v in variants]
    show(rows)
    keep("qat_step", {"threads": torch.get_num_threads(), "rows": [asdict(r) for r in rows]})


if __name__ == "__main__":
    main()
