"""Walks the whole house on real speech: trains, fine-tunes, packs, runs, compares.

Float once, then every variant of specs/digits.qspec from it; the packed files are loaded back and
decode the held-out speaker. A run that was broken off goes on where it stopped.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from queue import Empty, Queue
from typing import Any, TypeAlias

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from demo import evaluation, training
from demo.plan import COMPARED, FLOAT_VARIANT, SPEC, Plan
from demo.results import Row, plot, show, write_json
from qdsl import Spec, load_spec
from qdsl.diagnostic.codes import exit_code
from qdsl.diagnostic.model import QdslError, error
from qdsl.diagnostic.render import full
from qdsl.size.diff_text import diff_text
from qdsl.tasks.asr.recordings import find_recordings

WORKERS = 2

Messages: TypeAlias = "Queue[tuple[str, int, float]]"
Work = Callable[[Plan, str, training.Progress], object]


def main() -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of the Free Spoken Digit Dataset")
    parser.add_argument("--out", type=Path, default=Path("out"))
    parser.add_argument("--scale", type=_share, default=1.0, help="share of the steps to train")
    arguments = parser.parse_args()
    plan = Plan(arguments.data, arguments.out, arguments.scale)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        find_recordings(plan.data)
        _run(plan)
    except (OSError, BrokenProcessPool) as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 2
    except QdslError as failure:
        print(full(failure.diagnostics, color=sys.stderr.isatty()), file=sys.stderr)
        return exit_code(failure.diagnostics)
    except KeyboardInterrupt:
        print("interrupted; run again to go on", file=sys.stderr)
        return 130
    return 0


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError("above 0, at most 1")
    return share


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _run(plan: Plan) -> None:
    start = time.monotonic()
    console = Console()
    spec = load_spec(SPEC)
    variants = tuple(spec.variants)
    with _bars(console) as bars:
        _train_base(plan, bars)
        _in_processes(plan, variants, training.fine_tune, bars, "fine-tune")
        evaluations = _in_processes(plan, variants, _evaluate, bars, "evaluate")
    evaluation.record_inputs(plan)
    rows = _rows(plan, spec, evaluations)
    show(rows)
    write_json(rows, plan.out / "demo.json")
    plot(rows, plan.out / "demo.png")
    first, second = (spec.variants[name] for name in COMPARED)
    console.print(f"\nqdsl diff {first.label} {second.label}\n", highlight=False)
    print(diff_text(first.diff(second)))
    minutes = (time.monotonic() - start) / 60
    console.print(f"{minutes:.1f} minutes; files, demo.json and demo.png are in {plan.out}/")
    if failed := [row.variant for row in rows if not row.evaluation.holds]:
        message = f"packed graphs differ from the trained ones: {', '.join(failed)}"
        raise QdslError([error("Q721", message)])


def _rows(plan: Plan, spec: Spec, found: dict[str, Any]) -> list[Row]:
    variants = tuple(spec.variants)
    float_score = evaluation.evaluate_float(plan)
    speeds = evaluation.real_time_factors(plan, variants)
    return [
        Row(
            evaluation=found[name],
            float_score=float_score,
            report=spec.variants[name].size(),
            file_bytes=plan.packed(name).stat().st_size,
            real_time_factor=speeds[name][0],
            speed=speeds[name][1],
        )
        for name in variants
    ]


# ---- progress ----------------------------------------------------------------------------------


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:<22}"),
        BarColumn(),
        TextColumn("{task.completed:>5.0f}/{task.total:.0f}"),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )


def _train_base(plan: Plan, bars: Progress) -> None:
    """The float training, in a process of its own that an interrupt ends."""
    task = bars.add_task("train float", total=plan.float_stage.steps, note="")
    with _pool() as (pool, queue):
        future = pool.submit(_base, plan, queue)
        _follow([future], pool, queue, bars, {FLOAT_VARIANT: task})
        future.result()
    _say(bars, f"trained float: {plan.float_stage.steps} steps")


def _advance(bars: Progress, task: TaskID, step: int, loss: float) -> None:
    bars.update(task, completed=step, note=f"loss {loss:.3f}")


def _say(bars: Progress, text: str) -> None:
    """A line where there are no bars to look at."""
    if bars.disable:
        bars.console.print(text, highlight=False)


def _evaluate(plan: Plan, variant: str, progress: training.Progress) -> object:
    return evaluation.evaluate(plan, variant)


def _in_processes(
    plan: Plan,
    variants: Sequence[str],
    work: Work,
    bars: Progress,
    what: str,
) -> dict[str, Any]:
    """The work for each variant, two at a time on one thread each; a queue brings progress."""
    total = plan.fine_tune.steps if what == "fine-tune" else 1
    tasks = {v: bars.add_task(f"{what} {v}", total=total, note="") for v in variants}
    with _pool() as (pool, queue):
        futures = {v: pool.submit(_worker, work, plan, v, queue) for v in variants}
        _follow(futures.values(), pool, queue, bars, tasks)
        results = {v: f.result() for v, f in futures.items()}
    for variant, task in tasks.items():
        bars.update(task, completed=total)
        _say(bars, f"{what} {variant}: done")
    return results


@contextmanager
def _pool() -> Iterator[tuple[ProcessPoolExecutor, Messages]]:
    context = get_context("spawn")
    with context.Manager() as manager:
        with ProcessPoolExecutor(WORKERS, context, _one_thread) as pool:
            yield pool, manager.Queue()


def _follow(
    futures: Iterable[Future[Any]],
    pool: ProcessPoolExecutor,
    queue: Messages,
    bars: Progress,
    tasks: dict[str, TaskID],
) -> None:
    """Shows progress until all are done or one has failed; an interrupt ends the processes."""
    pending = set(futures)
    try:
        while pending and not any(f.done() and f.exception() for f in pending):
            _drain(queue, bars, tasks)
            pending = {f for f in pending if not f.done() or f.exception()}
        if pending:
            _terminate(pool)
    except BaseException:
        _terminate(pool)
        raise


def _terminate(pool: ProcessPoolExecutor) -> None:
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()


def _drain(queue: Messages, bars: Progress, tasks: dict[str, TaskID]) -> None:
    try:
        name, step, loss = queue.get(timeout=0.2)
    except Empty:
        return
    _advance(bars, tasks[name], step, loss)


def _one_thread() -> None:
    torch.set_num_threads(1)


def _base(plan: Plan, queue: Messages) -> None:
    training.train_base(plan, lambda step, loss: queue.put((FLOAT_VARIANT, step, loss)))


def _worker(work: Work, plan: Plan, variant: str, queue: Messages) -> object:
    return work(plan, variant, lambda step, loss: queue.put((variant, step, loss)))


if __name__ == "__main__":
    sys.exit(main())
