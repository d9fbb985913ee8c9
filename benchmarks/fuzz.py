"""Feeds the front end generated inputs: parse, fmt, check and size, in processes that are watched.

An input is a seed and a number: the same ones always make the same text. Slices that are done are
kept in `build/fuzz`, so that a run that was stopped goes on where it was. What is found is made
smaller and kept in `tests/fuzz/corpus`, where a test runs it from then on.
"""

import hashlib
import json
import os
import re
from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

import machine
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from tests.fuzz.inputs import GENERATORS, generator_of, make
from tests.fuzz.minimise import minimise
from tests.fuzz.probe import MEMORY, SECONDS, Outcome
from tests.fuzz.worker import Worker

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / "build" / "fuzz"
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
SLICE = 500
TRIES = 500
"""Runs that making one input smaller may take."""


@dataclass
class Tally:
    """What some inputs did. `slowest` is the stage, seconds and number of the slowest of them."""

    inputs: Counter[str] = field(default_factory=Counter)
    compiled: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str, int] = (0.0, "", 0)
    peak: int = 0
    findings: list[tuple[int, str]] = field(default_factory=list)

    def add(self, number: int, outcome: Outcome) -> None:
        generator = generator_of(number)
        self.inputs[generator] += 1
        self.compiled[generator] += outcome.compiled
        self.codes.update(outcome.codes)
        self.slowest = max(self.slowest, (outcome.seconds, outcome.stage, number))
        self.peak = max(self.peak, outcome.peak)
        self.findings += [(number, finding) for finding in outcome.findings]

    def merge(self, other: "Tally") -> None:
        self.inputs += other.inputs
        self.compiled += other.compiled
        self.codes += other.codes
        self.slowest = max(self.slowest, other.slowest)
        self.peak = max(self.peak, other.peak)
        self.findings += other.findings


def from_json(text: str) -> tuple[int, Tally]:
    """The number of a slice and its tally, as a line of the state has them."""
    slice_, data = json.loads(text)
    inputs, compiled, codes = (Counter(data[name]) for name in ("inputs", "compiled", "codes"))
    findings = [(number, finding) for number, finding in data["findings"]]
    seconds, stage, number = data["slowest"]
    slowest = (seconds, stage, number)
    return slice_, Tally(inputs, compiled, codes, slowest, data["peak"], findings)


def kind(finding: str) -> str:
    """What a finding is, whatever the input: its first line without what is quoted in it."""
    return re.sub(r"`.*`|(?<![Q\d])\d{2,}", "…", finding.split("\n")[0])[:120]


def run_slice(seed: int, numbers: range, workers: "SimpleQueue[Worker]") -> Tally:
    worker, tally = workers.get(), Tally()
    for number in numbers:
        tally.add(number, worker.ask((seed, number)))
    workers.put(worker)
    return tally


def run(arguments: Namespace) -> Tally:
    """The tally of all inputs, of those that earlier runs did too."""
    state = STATE / f"seed-{arguments.seed}-{sources()}.jsonl"
    state.parent.mkdir(parents=True, exist_ok=True)
    whole, done = Tally(), dict[int, Tally]()
    if state.exists() and not arguments.anew:
        done = dict(map(from_json, state.read_text().splitlines()))
    starts = range(0, arguments.inputs, SLICE)
    done = {start: tally for start, tally in done.items() if start in starts}
    for tally in done.values():
        whole.merge(tally)
    with state.open("w" if arguments.anew else "a") as file:
        for start, tally in _slices(arguments, [s for s in starts if s not in done]):
            file.write(json.dumps([start, vars(tally)]) + "\n")
            file.flush()
            whole.merge(tally)
    return whole


def sources() -> str:
    """What the outcomes depend on, in a word: they change with it."""
    files = [ROOT / "grammar" / "qspec.lark"]
    for pattern in (
        "qdsl/**/*.py",
        "tests/fuzz/*.py",
        "specs/**/*.qspec",
        "tests/*/cases/**/*.qspec",
    ):
        files += sorted(ROOT.glob(pattern))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:8]


def _slices(arguments: Namespace, starts: list[int]) -> Iterator[tuple[int, Tally]]:
    """Runs slices side by side, and gives each as it ends."""
    workers: SimpleQueue[Worker] = SimpleQueue()
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    terminal = Console(stderr=True)
    progress = Progress(*columns, console=terminal, disable=not terminal.is_terminal)
    with ThreadPoolExecutor(arguments.workers) as pool, progress:
        for _ in range(arguments.workers):
            workers.put(Worker())
        task = progress.add_task("inputs", total=len(starts) * SLICE)
        running = {
            pool.submit(run_slice, arguments.seed, range(start, start + SLICE), workers): start
            for start in starts
        }
        for ended in as_completed(running):
            progress.advance(task, SLICE)
            yield running[ended], ended.result()
        while not workers.empty():
            workers.get().stop()


def keep(seed: int, tally: Tally) -> dict[str, str]:
    """Makes the first input of each kind of finding smaller and keeps it; file names by kind."""
    first: dict[str, int] = {}
    for number, finding in sorted(tally.findings):
        first.setdefault(kind(finding), number)
    kept: dict[str, str] = {}
    worker = Worker()
    for found, number in first.items():

        def shows(data: bytes, found: str = found) -> bool:
            return found in map(kind, worker.ask(data).findings)

        data = make(seed, number)
        small = minimise(data, shows, TRIES) if shows(data) else data
        name = f"{hashlib.sha256(small).hexdigest()[:12]}.qspec"
        (CORPUS / name).write_bytes(small)
        kept[found] = name
    worker.stop()
    return kept


def show(tally: Tally, kept: dict[str, str]) -> None:
    table = Table(box=SIMPLE, title=f"{sum(tally.inputs.values()):,} inputs")
    for heading in ("generator", "inputs", "compiled"):
        table.add_column(heading, justify="left" if heading == "generator" else "right")
    for name in GENERATORS:
        table.add_row(name, f"{tally.inputs[name]:,}", f"{tally.compiled[name]:,}")
    console = Console()
    console.print(table)
    seconds, stage, number = tally.slowest
    console.print(f"slowest: {1e3 * seconds:.0f} ms in {stage}, input {number}")
    console.print(f"peak memory: {tally.peak / 1e6:.0f} MB; codes: {len(tally.codes)}")
    for found, name in kept.items():
        count = sum(kind(finding) == found for _, finding in tally.findings)
        console.print(f"{count} x {found}: {name}", highlight=False, markup=False)
    console.print("no findings" if not kept else f"{len(kept)} kinds of findings")


def to_json(seed: int, tally: Tally, kept: dict[str, str]) -> dict[str, object]:
    seconds, stage, number = tally.slowest
    counts = Counter(kind(finding) for _, finding in tally.findings)
    return {
        "seed": seed,
        "limits": {"seconds": SECONDS, "bytes": MEMORY},
        "inputs": dict(sorted(tally.inputs.items())),
        "compiled": dict(sorted(tally.compiled.items())),
        "codes": dict(sorted(tally.codes.items())),
        "slowest": {"ms": round(1e3 * seconds, 1), "stage": stage, "input": number},
        "peak_bytes": tally.peak,
        "findings": {k: {"inputs": counts[k], "kept": name} for k, name in kept.items()},
    }


def main() -> int:
    """0 where nothing was found, else 1."""
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=100_000, help=f"in slices of {SLICE}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--anew", action="store_true", help="forget what earlier runs did")
    arguments = parser.parse_args()
    tally = run(arguments)
    kept = keep(arguments.seed, tally)
    show(tally, kept)
    machine.keep("fuzz", to_json(arguments.seed, tally, kept))
    return 1 if kept else 0


if __name__ == "__main__":
    raise SystemExit(main())
