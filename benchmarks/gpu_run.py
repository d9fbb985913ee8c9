"""Has contenders of several processes checked, tuned and timed; what fails is told in its row."""

import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from cpu_run import Runtime
from gpu_rows import STEP_GOAL, Cell, Plan, cells, checks, product_key
from peers.problem import Network, Product
from rich.console import Console

OURS, COPY = "gpu.ours", "gpu.copy"
PEERS = ("gpu.pytorch", "gpu.gemlite", "gpu.humming", "gpu.torchao", "gpu.mslk")
TUNED = 0.4  # of all seconds, at most
PEER = 0.2  # of all seconds, at most, for one peer: some compile or tune as they are called
Row = dict[str, Any]


@dataclass(slots=True)
class Time:
    """Seconds that a run may take, and those that each runtime took."""

    seconds: float
    begin: float = field(default_factory=time.monotonic)
    taken: dict[str, float] = field(default_factory=dict)

    @property
    def left(self) -> float:
        return self.seconds - (time.monotonic() - self.begin)


class Runtimes:
    """One process for each library, begun when it is first asked; one that died begins anew."""

    def __init__(self, names: list[str], time: Time, console: Console) -> None:
        self.time, self.console = time, console
        self.names = names
        self.running: dict[str, Runtime] = {}
        self.missing: dict[str, str] = {}
        self.versions: dict[str, str] = {}

    def ask(self, name: str, do: str, /, **order: Any) -> dict[str, Any]:
        """The answer; `error` says why there is none."""
        if reason := self.missing.get(name):
            return {"error": reason}
        begin = time.monotonic()
        answer = self._of(name).ask(do, **order) if name not in self.missing else {}
        taken = self.time.taken[name] = self.time.taken.get(name, 0) + time.monotonic() - begin
        if name not in (OURS, COPY) and taken > PEER * self.time.seconds:
            self._leave_out(name, f"left out after {taken:.0f} s: its share of the time")
        if answer.get("error") == "the process has ended":
            self.running.pop(name, None)
        return answer or {"error": self.missing[name]}

    def _of(self, name: str) -> Runtime:
        if name not in self.running:
            self.running[name] = runtime = Runtime(name, 1)
            self.versions |= runtime.versions
            if runtime.missing:
                self._leave_out(name, runtime.missing)
        return self.running.get(name, _Nothing())

    def _leave_out(self, name: str, reason: str) -> None:
        self.console.print(f"{name}: {reason}", style="yellow", markup=False)
        self.missing[name] = reason
        if runtime := self.running.pop(name, None):
            runtime.close()

    def close(self) -> None:
        for runtime in self.running.values():
            runtime.close()
        self.running.clear()


class _Nothing:
    """Answers for a runtime that is not there."""

    def ask(self, do: str, **order: Any) -> dict[str, Any]:
        return {}


# ---- rows ----------------------------------------------------------------------------------------


def check_rows(runtimes: Runtimes, plan: Plan, done: set[str]) -> Iterator[Row]:
    """Ours beside the reference, by format and activations."""
    for problem in checks(plan):
        key = f"check/{product_key(problem)}"
        if key not in done:
            order = {"problem": asdict(problem), "rows": plan.checked_rows}
            yield {"key": key, **runtimes.ask(OURS, "ask", what="check", **order)}


def tune_rows(runtimes: Runtimes, plan: Plan, done: set[str]) -> Iterator[Row]:
    """The fastest tiles of each product, while there is time for it."""
    least = runtimes.time.left - TUNED * runtimes.time.seconds
    for cell in cells(plan):
        for rows in cell.rows if isinstance(cell.problem, Product) else ():
            key = f"tune/{cell.key(rows)}"
            if key in done:
                continue
            if runtimes.time.left < least:
                return
            order = {"problem": asdict(cell.problem), "rows": rows}
            yield {"key": key, **runtimes.ask(OURS, "ask", what="tune", **order)}


def product_rows(runtimes: Runtimes, plan: Plan, done: set[str]) -> Iterator[Row]:
    for cell in cells(plan):
        if isinstance(cell.problem, Product):
            yield from _cell_rows(runtimes, plan, cell, done)


def network_rows(runtimes: Runtimes, plan: Plan, done: set[str]) -> Iterator[Row]:
    for cell in cells(plan):
        if isinstance(cell.problem, Network):
            yield from _cell_rows(runtimes, plan, cell, done)


def training_rows(runtimes: Runtimes, plan: Plan, done: set[str]) -> Iterator[Row]:
    """A step of each rounded variant beside the float step of the same round."""
    steps = plan.steps
    wanted = [rows for rows in plan.batches if f"training/B={rows}" not in done]
    if not wanted or runtimes.time.left <= 0:
        return
    answer = runtimes.ask(OURS, "prepare", kind="Training", problem=asdict(steps))
    names = [n for n in (steps.floats, *steps.rounded) if n in answer.get("contenders", {})]
    for rows in wanted:
        about = {"key": f"training/B={rows}", "rows": rows, "sizes": dict(steps.sizes)}
        if names[:1] == [steps.floats]:
            yield {**about, "goal": STEP_GOAL, **_steps(runtimes, plan, names, rows)}
        else:
            yield {**about, "error": str(answer.get("error", answer.get("failed")))}


def _steps(runtimes: Runtimes, plan: Plan, names: list[str], rows: int) -> Row:
    """Milliseconds of steps and their ratios to the first; what fails is left out."""
    times: dict[str, list[float]] = {name: [] for name in names}
    failed: dict[str, str] = {}
    for _ in range(plan.rounds):
        for name in [name for name in names if name not in failed]:
            found = runtimes.ask(OURS, "time", name=name, rows=rows, seconds=0)
            if "error" in found:
                failed[name] = found["error"]
            else:
                times[name].append(found["seconds"])
    steps = {
        name: {
            "ms": round(statistics.median(each) * 1e3, 3),
            "over_float": _ratio(each, times[names[0]]),
        }
        for name, each in times.items()
        if each and name not in failed
    }
    return {"failed": failed, "steps": steps}


def _cell_rows(runtimes: Runtimes, plan: Plan, cell: Cell, done: set[str]) -> Iterator[Row]:
    wanted = [rows for rows in cell.rows if cell.key(rows) not in done]
    if not wanted or runtimes.time.left <= 0:
        return
    bytes, failed = _prepare(runtimes, cell)
    for rows in wanted:
        if runtimes.time.left <= 0:
            return
        yield _measured(runtimes, plan, cell, rows, bytes, dict(failed))


Key = tuple[str, str]  # runtime and contender


def _prepare(runtimes: Runtimes, cell: Cell) -> tuple[dict[Key, float], dict[str, str]]:
    """Bytes of a weight of each contender, and what failed."""
    order = {"kind": type(cell.problem).__name__, "problem": asdict(cell.problem)}
    bytes: dict[Key, float] = {}
    failed: dict[str, str] = {}
    for name in runtimes.names:
        answer = runtimes.ask(name, "prepare", **order)
        bytes |= {(name, each): size for each, size in answer.get("contenders", {}).items()}
        failed |= answer.get("failed", {})
        if "error" in answer:
            failed[name] = answer["error"]
    return bytes, failed


def _measured(
    runtimes: Runtimes,
    plan: Plan,
    cell: Cell,
    rows: int,
    bytes: dict[Key, float],
    failed: dict[str, str],
) -> Row:
    """One row: contenders take turns, forwards and backwards; ratios are of the same round."""
    times: dict[Key, list[float]] = {key: [] for key in bytes}
    for round in range(plan.rounds):
        for key in [*bytes][:: -1 if round % 2 else 1]:
            if key[1] in failed:
                continue
            answer = runtimes.ask(key[0], "time", name=key[1], rows=rows, seconds=0)
            if "error" in answer:
                failed[key[1]] = answer["error"]
            else:
                times[key].append(answer["seconds"])
    found = {key: each for key, each in times.items() if each and key[1] not in failed}
    return {**cell.about(rows), **_paired(found, bytes), "failed": failed}


def _paired(times: dict[Key, list[float]], bytes: dict[Key, float]) -> Row:
    copy = next((t for (name, _), t in times.items() if name == COPY), [])
    ours = next((t for (name, _), t in times.items() if name == OURS), [])
    contenders = {
        contender: {
            "us": round(statistics.median(each) * 1e6, 3),
            "range_us": [round(f(each) * 1e6, 3) for f in (min, max)],
            "GB_per_s": round(bytes[name, contender] / statistics.median(each) / 1e9, 1),
            "of_copy": _ratio([c * bytes[name, contender] for c in copy], each),
            "over_ours": _ratio(each, ours),
        }
        for (name, contender), each in times.items()
        if name != COPY
    }
    rate = round(1e-9 / statistics.median(copy), 1) if copy else None
    return {"copy_GB_per_s": rate, "contenders": contenders}


def _ratio(above: list[float], below: list[float]) -> float | None:
    pairs = [a / b for a, b in zip(above, below, strict=False)]
    return round(statistics.median(pairs), 4) if pairs else None
