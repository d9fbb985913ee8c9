"""Compares what techniques of quantization and sparsity cost a recognizer of spoken digits.

Each row of `digits.qspec` is trained from one float model by as many steps as every other, or
rounded without training, and heard on the speaker that no training has heard, in silence and in
the babble of the others. A run that was broken off goes on where it stopped; `--scale` shortens
all trainings, to look at the machinery.
"""

from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from digits_claims import CLAIMS, Verdict, judge
from digits_plot import plot
from digits_rows import (
    FLOAT,
    NOISE,
    SPEC,
    TUNE_STEPS,
    Heard,
    Place,
    Result,
    Row,
    base,
    measure,
    read,
)
from machine import RESULTS, keep
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn
from rich.table import Table

from qdsl import load_spec
from qdsl.tasks.asr.score import Score, interval, paired_interval

OUT = Path(__file__).resolve().parent.parent / "build" / "digits"
SEEDS = (0, 1)
ROUNDED = ("int8", "int4", "int4_group", "int2", "int2_all")


def rows() -> tuple[Row, ...]:
    """Every variant trained, float from two seeds; some rounded or compensated."""
    trained = [Row(v) for v in load_spec(SPEC).variants]
    seeds = [Row(FLOAT, seed=s) for s in SEEDS[1:]]
    rounded = [Row(v, "rounded") for v in ROUNDED]
    return (*seeds, *trained, *rounded, *(Row(v, "compensated") for v in ROUNDED))


def run(place: Place, workers: int, wanted: Iterable[Row]) -> None:
    """Makes what is missing, the float models first."""
    terminal = Console(stderr=True)
    columns = ("{task.description}", MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=terminal, disable=not terminal.is_terminal) as progress:
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            _all(pool, progress, "float models", [partial(base, place, seed) for seed in SEEDS])
            # others are rounded from it
            first = partial(measure, place, Row(FLOAT))
            _all(pool, progress, "float", [first])
            _all(pool, progress, "rows", [partial(measure, place, row) for row in wanted])


def _all(
    pool: ProcessPoolExecutor, progress: Progress, what: str, works: list[Callable[[], None]]
) -> None:
    task = progress.add_task(what, total=len(works))
    futures: list[Future[None]] = [pool.submit(work) for work in works]
    for future in futures:
        future.add_done_callback(lambda _: progress.advance(task))
    for future in futures:
        future.result()


# ---- what is shown -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shown:
    """Word error rate with its interval, and its difference to float with the paired one."""

    wer: float
    interval: tuple[float, float]
    difference: tuple[float, float]
    loss: float


def shown(heard: Heard, reference: Heard) -> Shown:
    own, other = (Score(h.errors, h.words) for h in (heard, reference))
    return Shown(own.wer, interval(own), paired_interval(other, own), heard.loss)


def table(results: Mapping[Row, Result]) -> Table:
    reference = results[Row(FLOAT)]
    drawn = Table(
        box=SIMPLE, title=f"Techniques on digits; noise: {NOISE.kind}, {NOISE.decibels:g} dB"
    )
    left = ("variant", "method", "body")
    for heading in (
        *left,
        "bytes",
        "WER",
        "95 %",
        "over float",
        "nats",
        "noisy",
        "over float",
        "nats",
    ):
        drawn.add_column(heading, justify="left" if heading in left else "right")
    for row, result in results.items():
        name = row.variant if row.seed == 0 else f"{row.variant}, seed {row.seed}"
        clean, noisy = shown(result.clean, reference.clean), shown(result.noisy, reference.noisy)
        drawn.add_row(
            name,
            row.method,
            result.formats,
            f"{result.bytes:,}",
            f"{100 * clean.wer:.1f}",
            _percents(clean.interval),
            _percents(clean.difference),
            f"{clean.loss:.3f}",
            f"{100 * noisy.wer:.1f}",
            _percents(noisy.difference),
            f"{noisy.loss:.3f}",
        )
    return drawn


def _percents(pair: tuple[float, float]) -> str:
    return "..".join(f"{100 * x:+.1f}" if pair[0] < 0 else f"{100 * x:.1f}" for x in pair)


def to_json(results: Mapping[Row, Result], verdicts: Iterable[Verdict]) -> dict[str, object]:
    reference = results[Row(FLOAT)]
    return {
        "noise": asdict(NOISE),
        "steps": TUNE_STEPS,
        "words": sum(reference.clean.words),
        "utterances": len(reference.clean.words),
        "rows": [
            {
                **asdict(row),
                "formats": result.formats,
                "bytes": result.bytes,
                "clean": asdict(shown(result.clean, reference.clean)),
                "noisy": asdict(shown(result.noisy, reference.noisy)),
            }
            for row, result in results.items()
        ],
        "claims": [asdict(v) for v in verdicts],
    }


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the Free Spoken Digit Dataset")
    parser.add_argument("--out", type=Path, default=OUT, help="where trainings are kept")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the steps to train")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread")
    arguments = parser.parse_args()
    place = Place(arguments.data, arguments.out, arguments.scale)
    run(place, arguments.workers, rows())
    results = {row: read(place, row) for row in rows()}
    console = Console(width=180)
    console.print(table(results))
    verdicts = [judge(claim, results) for claim in CLAIMS]
    for verdict in verdicts:
        console.print(str(verdict), highlight=False, markup=False)
    if place.scale == 1.0:
        keep("digits", to_json(results, verdicts))
        plot(results, RESULTS / "digits.png")


if __name__ == "__main__":
    main()
