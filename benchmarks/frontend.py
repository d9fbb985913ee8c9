"""Times short commands from start to exit, each time in a new process, Python's start-up included.

`long` is a spec of 1,000 lines (`long_spec.py`), of 7 models with a variant each or with four,
`deep` one that unrolls to so many layers, all blocks alike or no two of them (`deep_spec.py`).

Contenders take turns after one warm-up; `wall` is what a user waits, `processor` what it costs,
which a busy machine lengthens less. That none of them imports torch is looked at, not assumed.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import TemporaryDirectory

from deep_spec import deep_spec
from long_spec import long_spec
from machine import keep
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import track
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 15
DIGITS, LARGE = "specs/digits.qspec", "specs/usm_2b.qspec"

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "python": ("-c", "pass"),
    "check digits": ("-m", "qdsl", "check", DIGITS),
    "size digits": ("-m", "qdsl", "size", DIGITS),
    "size digits#int4": ("-m", "qdsl", "size", f"{DIGITS}#int4"),
    "diff digits": ("-m", "qdsl", "diff", f"{DIGITS}#int4", f"{DIGITS}#usm_lite"),
    "check usm_2b": ("-m", "qdsl", "check", LARGE),
    "size usm_2b": ("-m", "qdsl", "size", LARGE),
}
DEPTHS = (1000, 2000, 5000, 10_000)


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds of one process."""

    wall: float
    processor: float


@dataclass(frozen=True, slots=True)
class Row:
    """Seconds of one command; quartiles show the spread. `torch` and `modules` are its imports."""

    command: str
    wall: float
    wall_quartiles: tuple[float, float]
    processor: float
    processor_quartiles: tuple[float, float]
    modules: int
    torch: bool


def timed(arguments: Iterable[str]) -> Run:
    """One run of this Python with the arguments; raises CalledProcessError for a failure."""
    # compiled modules are what a user has from the second run on
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    begin, before = time.perf_counter(), getrusage(RUSAGE_CHILDREN)
    command = [sys.executable, *arguments]
    subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)
    wall, after = time.perf_counter() - begin, getrusage(RUSAGE_CHILDREN)
    return Run(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def imported(arguments: Iterable[str]) -> frozenset[str]:
    """Names of the modules that the command imports."""
    command = [sys.executable, "-X", "importtime", *arguments]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = (line for line in found.stderr.splitlines() if line.startswith("import time:"))
    return frozenset(line.rpartition("|")[2].strip() for line in lines)


def measure(commands: Mapping[str, tuple[str, ...]]) -> list[Row]:
    """A row for each command, all of them measured in turns."""
    runs: dict[str, list[Run]] = {name: [] for name in commands}
    for arguments in commands.values():
        timed(arguments)
    for _ in track(range(ROUNDS), "starting", console=Console(stderr=True), transient=True):
        for name, arguments in commands.items():
            runs[name].append(timed(arguments))
    return [row(name, runs[name], imported(commands[name])) for name in commands]


def row(name: str, runs: list[Run], modules: frozenset[str]) -> Row:
    walls, spent = [r.wall for r in runs], [r.processor for r in runs]
    return Row(
        command=name,
        wall=statistics.median(walls),
        wall_quartiles=quartiles(walls),
        processor=statistics.median(spent),
        processor_quartiles=quartiles(spent),
        modules=len(modules),
        torch="torch" in modules,
    )


def quartiles(values: list[float]) -> tuple[float, float]:
    lower, _, upper = statistics.quantiles(values, n=4)
    return lower, upper


def show(rows: Iterable[Row]) -> None:
    table = Table(box=SIMPLE, title=f"start to exit, ms: median of {ROUNDS} and quartiles")
    table.add_column("command")
    for heading in ("wall", "", "processor", "", "modules", "torch"):
        table.add_column(heading, justify="right")
    for r in rows:
        table.add_row(
            r.command,
            f"{1e3 * r.wall:.0f}",
            "{:.0f}..{:.0f}".format(*(1e3 * q for q in r.wall_quartiles)),
            f"{1e3 * r.processor:.0f}",
            "{:.0f}..{:.0f}".format(*(1e3 * q for q in r.processor_quartiles)),
            str(r.modules),
            "imported" if r.torch else "no",
        )
    Console().print(table)


def generated(folder: Path) -> dict[str, tuple[str, ...]]:
    """Commands on specs that are written to the folder."""
    texts = {"long": long_spec(1000, variants=1), "long, 4 variants each": long_spec(1000)}
    for layers in DEPTHS:
        texts[f"deep {layers}"] = deep_spec(layers, alike=True)
        texts[f"deep {layers} unlike"] = deep_spec(layers, alike=False)
    commands = {}
    for name, text in texts.items():
        path = folder / f"{name.replace(' ', '_').replace(',', '')}.qspec"
        path.write_text(text, encoding="utf-8")
        word = "check" if name.startswith("long") else "size"
        commands[f"{word} {name}"] = ("-m", "qdsl", word, str(path))
    return commands


def main() -> None:
    commands = {
        name: arguments
        for name, arguments in COMMANDS.items()
        if LARGE not in arguments or (ROOT / LARGE).exists()
    }
    with TemporaryDirectory() as folder:
        rows = measure({**commands, **generated(Path(folder))})
    show(rows)
    keep(
        "frontend",
        {
            "rounds": ROUNDS,
            "rows": [asdict(r) for r in rows],
        },
    )


if __name__ == "__main__":
    main()
