"""Times contenders of several processes in turns, one at a time, and pairs what stands together."""

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cpu_rows import Cell
from peers.problem import Product
from rich.console import Console

HERE = Path(__file__).resolve().parent
OURS, LIMITS = "ours", "roofline"
RUNTIMES = (OURS, "pytorch", "onnx_runtime", "open_vino", "ggml")
TURN = 0.012  # seconds of calls in a turn
SETTLE = 0.006  # seconds after which no thread of another runtime waits for work by spinning


class Runtime:
    """A process that prepares and times contenders; `missing` says why there is none."""

    def __init__(self, name: str, threads: int) -> None:
        self.name, self.threads = name, threads
        path = os.pathsep.join((str(HERE), os.environ.get("PYTHONPATH", "")))
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
            "PYTHONPATH": path,
            "PYTHONWARNINGS": "ignore",
        }
        self.process = subprocess.Popen(
            (sys.executable, "-m", "peers.worker", name, str(threads)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if "QDSL_BENCH_LOG" not in os.environ else None,
            text=True,
            env=environment,
        )
        first = self._answer()
        self.versions: dict[str, str] = first.get("versions", {})
        self.missing: str = first.get("missing") or first.get("error") or ""

    def ask(self, do: str, **order: Any) -> dict[str, Any]:
        """The worker's answer; `error` says why there is none."""
        assert self.process.stdin
        try:
            self.process.stdin.write(json.dumps({"do": do, **order}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return {"error": "the process has ended"}
        return self._answer()

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the process has ended"}
        return answer


class Processes:
    """The runtimes that are there, for one number of threads at a time."""

    def __init__(self, names: list[str], console: Console) -> None:
        self.names, self.console, self.threads = names, console, 0
        self.running: dict[str, Runtime] = {}
        self.versions: dict[str, str] = {}

    def of(self, threads: int) -> dict[str, Runtime]:
        if threads != self.threads:
            self.close()
            self.threads = threads
            for name in self.names:
                self._start(name)
        return self.running

    def _start(self, name: str) -> None:
        runtime = Runtime(name, self.threads)
        if runtime.missing:
            self.console.print(f"left out {name}: {runtime.missing}", style="yellow")
            return runtime.close()
        self.running[name] = runtime
        self.versions |= runtime.versions

    def close(self) -> None:
        for runtime in self.running.values():
            runtime.close()
        self.running.clear()


@dataclass(slots=True)
class Field:
    """The contenders of a cell: (runtime, name) with the bytes of a weight; what failed."""

    bytes: dict[tuple[str, str], float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    limits: list[str] = field(default_factory=list)


def prepare(runtimes: dict[str, Runtime], cell: Cell) -> Field:
    """Makes the weights of every contender."""
    order = {"kind": type(cell.problem).__name__, "problem": asdict(cell.problem)}
    found = Field()
    for name, runtime in runtimes.items():
        answer = runtime.ask("prepare", **order)
        if "error" in answer:
            found.failed[name] = answer["error"]
        elif name == LIMITS:
            found.limits = [*answer["contenders"]]
        else:
            found.bytes |= {(name, each): size for each, size in answer["contenders"].items()}
        found.failed |= answer.get("failed", {})
    return found


def measure(
    runtimes: dict[str, Runtime], cell: Cell, field: Field, rows: int, rounds: int
) -> dict[str, Any]:
    """One row of the results; ratios are of turns in the same round."""
    times: dict[str, list[float]] = {name: [] for _, name in field.bytes}
    rates: list[dict[str, float]] = []
    ours = [key for key in field.bytes if key[0] == OURS]
    others = [key for key in field.bytes if key[0] != OURS]
    for round in range(rounds):
        # ours stands beside the limits in each round, the others before or behind
        if round % 2:
            _turns(runtimes, field, others[::-1], rows, times)
        _turns(runtimes, field, ours, rows, times)
        if field.limits:
            rates.append(_rates(runtimes[LIMITS], field))
        if not round % 2:
            _turns(runtimes, field, others, rows, times)
    limits = [_limit(cell, rate, rows) for rate in rates] if all(rates) else []
    return _row(cell, field, rows, times, limits, rates)


def _turns(
    runtimes: dict[str, Runtime],
    field: Field,
    keys: list[tuple[str, str]],
    rows: int,
    times: dict[str, list[float]],
) -> None:
    for runtime, name in keys:
        if name in field.failed:
            continue
        _settle(runtimes[runtime])
        answer = runtimes[runtime].ask("time", name=name, rows=rows, seconds=TURN)
        if "error" in answer:
            field.failed[name] = answer["error"]
        else:
            times[name].append(answer["seconds"])


def _settle(runtime: Runtime) -> None:
    if runtime.threads > 1:
        time.sleep(SETTLE)


def _rates(limits: Runtime, field: Field) -> dict[str, float]:
    """Seconds of a byte and of an operation; without them the row has no fractions."""
    _settle(limits)
    found = {}
    for name in field.limits:
        answer = limits.ask("time", name=name, rows=1, seconds=TURN)
        if "error" in answer:
            field.failed[LIMITS] = answer["error"]
            field.limits = []
            return {}
        found[name] = answer["seconds"]
    return found


def _limit(cell: Cell, rates: dict[str, float], rows: int) -> float:
    """Seconds that the product takes at least: max(bytes / bandwidth, operations / peak)."""
    assert isinstance(cell.problem, Product)
    problem = cell.problem
    operations = problem.operations(rows) * rates.get("products", 0.0)
    return max(problem.bytes * rates["read"], operations)


def _row(
    cell: Cell,
    field: Field,
    rows: int,
    times: dict[str, list[float]],
    limits: list[float],
    rates: list[dict[str, float]],
) -> dict[str, Any]:
    ours = next((times[name] for runtime, name in field.bytes if runtime == OURS), [])
    row = cell.about(rows) | {"contenders": {}}
    if isinstance(cell.problem, Product):
        row["bytes"] = cell.problem.bytes
    if limits:
        row["limit_us"] = _micro(limits)
        row["GB_per_s"] = statistics.median(1e-9 / rate["read"] for rate in rates)
        if "products" in rates[0]:
            row["GOPS"] = statistics.median(1e-9 / rate["products"] for rate in rates)
    for (runtime, name), size in field.bytes.items():
        if not times[name] or name in field.failed:
            continue
        row["contenders"][name] = {
            "runtime": runtime,
            "bytes": size,
            "us": _micro(times[name]),
            "quartiles_us": _quartiles(times[name]),
            "fraction": _ratio(limits, times[name]),
            "over_ours": _ratio(times[name], ours),
        }
    return row | {"rounds": len(ours), "failed": field.failed}


def _micro(seconds: list[float]) -> float:
    return round(statistics.median(seconds) * 1e6, 3)


def _quartiles(seconds: list[float]) -> list[float]:
    if len(seconds) < 2:
        return [_micro(seconds)] * 2
    low, _, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return [round(low * 1e6, 3), round(high * 1e6, 3)]


def _ratio(above: list[float], below: list[float]) -> float | None:
    """The median of what stands in the same rounds."""
    pairs = [a / b for a, b in zip(above, below, strict=False)]
    return round(statistics.median(pairs), 4) if pairs else None
