"""Checks how tiles are chosen: as measured, from what is near, by rule; no GPU is needed."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from qdsl.target import Call, Tunable
from qdsl_gpu import BACKEND, dispatch, measured_files
from qdsl_gpu.layout import Layout
from qdsl_gpu.measured import Measured, Table
from qdsl_gpu.measured_files import IgnoredTable
from qdsl_gpu.task import BUCKETS, Task, bucket
from qdsl_gpu.tiles import Tiles
from qdsl_gpu.tuner import Tuner, copies_of, keep, tune

GPU, TRITON = "Test GPU 9000", "3.6.0"
DEVICE = torch.device("cuda", 0)
SQUARE = Task("linear_float", Layout(4, 4096, 4096, 128))
ODD = Tiles(16, 64, 16, 8, 3)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("QDSL_TUNED", str(tmp_path))
    monkeypatch.setattr(dispatch, "gpu_name", lambda device: GPU)
    monkeypatch.setattr(measured_files, "triton_version", lambda: TRITON)
    monkeypatch.setattr("qdsl_gpu.tuner.triton_version", lambda: TRITON)
    dispatch.forget()
    yield tmp_path
    dispatch.forget()


def task(outputs: int, inputs: int, **other: Any) -> Task:
    layout = Layout(other.pop("bits", 4), outputs, inputs, other.pop("group", 128))
    return Task(other.pop("kernel", "linear_float"), layout, **other)


def row(task: Task = SQUARE, tokens: int = 1, tiles: Tiles = ODD) -> Measured:
    return Measured(task, tokens, tiles, 10.0, 12.0)


# ---- choosing ------------------------------------------------------------------------------------


def test_a_number_of_tokens_is_looked_up_under_the_next() -> None:
    assert [bucket(n) for n in (1, 2, 5, 64, 65, 9999)] == [1, 4, 16, 64, 128, 1024]


def test_what_was_measured_is_chosen_on_its_gpu_only() -> None:
    keep(GPU, [row(tokens=4)])
    assert dispatch.tiles_of(SQUARE, 3, DEVICE) == ODD
    assert dispatch.tiles_of(SQUARE, 5, DEVICE) == SQUARE.usual(5)
    assert dispatch.tiles_of(SQUARE, 3, torch.device("cpu")) == SQUARE.usual(3)


def test_the_nearest_shape_stands_in() -> None:
    near, far = Tiles(16, 64), Tiles(16, 128)
    table = Table([row(task(1024, 4096), tiles=far), row(task(8192, 4096), tiles=near)])
    assert table.find(SQUARE, 1) == near
    assert table.find(task(2048, 4096, group=64), 1) == far
    assert table.find(task(512, 256), 1) is None  # five octaves away


@pytest.mark.parametrize(
    "other", [{"bits": 2}, {"planes": 3}, {"has_table": True}, {"kernel": "linear_int8"}]
)
def test_another_kind_of_product_does_not(other: dict[str, Any]) -> None:
    assert Table([row()]).find(task(4096, 4096, **other), 16) is None


def test_tiles_that_do_not_divide_are_passed_over() -> None:
    table = Table([row(tiles=Tiles(16, 128, 2)), row(task(8192, 8192), tiles=Tiles(16, 64, 2))])
    assert table.find(task(4032, 4096), 1) == Tiles(16, 64, 2)  # 63 times 64 rows
    short = Table([row(task(4096, 512), tiles=Tiles(16, 64, 16))])
    assert short.find(task(4096, 512), 1) is None  # it has four steps


def test_own_rows_count_more_than_shipped_ones(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = folder / "shipped"
    monkeypatch.setattr(measured_files, "SHIPPED", shipped)
    measured_files.write(shipped, GPU, TRITON, [row(), row(tokens=16)])
    own = Tiles(16, 128, 1, 4, 2)
    keep(GPU, [row(tiles=own)])
    assert dispatch.tiles_of(SQUARE, 1, DEVICE) == own
    assert dispatch.tiles_of(SQUARE, 16, DEVICE) == ODD


# ---- files ---------------------------------------------------------------------------------------


def test_rows_are_added_and_replaced(folder: Path) -> None:
    rows = (row(), row(tokens=16), row(task(64, 64, bits=3, planes=3, zero=2), 4, Tiles(4, 64)))
    measured_files.write(folder, GPU, TRITON, rows[:2])
    newer = row(tiles=Tiles(16, 64))
    path = measured_files.write(folder, GPU, TRITON, (newer, rows[2]))
    assert path.name == "test_gpu_9000-triton_3.6.0.json"
    assert {*measured_files.read(path, GPU, TRITON)} == {newer, *rows[1:]}
    assert [p.name for p in folder.iterdir()] == [path.name]


def _changed(**fields: Any) -> Callable[[str], str]:
    def change(text: str) -> str:
        given = json.loads(text)
        return json.dumps(
            {**given, "rows": [{**r, **fields} for r in given["rows"]]}
            if "rows" not in fields and not fields.keys() & given.keys()
            else {**given, **fields}
        )

    return change


DAMAGES: dict[str, Callable[[str], str]] = {
    "empty": lambda text: "",
    "cut off": lambda text: text[:-40],
    "a list": lambda text: "[]",
    "deep": lambda text: "[" * 100_000,
    "another GPU": _changed(gpu="Test GPU 8000"),
    "another Triton": _changed(triton="3.9.0"),
    "another format": _changed(format=2),
    "no rows": _changed(rows=None),
    "tiles of three": _changed(tiles=[16, 64, 1]),
    "tiles of nothing": _changed(tiles=[16, 0, 1, 4, 4]),
    "tiles of text": _changed(tiles=["16", 64, 1, 4, 4]),
    "bits": _changed(bits=5),
    "a bool": _changed(outputs=True),
    "no time": _changed(us="fast"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_foreign_file_is_told_of_and_left_out(damage: str, folder: Path) -> None:
    path = Path(keep(GPU, [row()]))
    path.write_text(DAMAGES[damage](path.read_text()))
    with pytest.warns(IgnoredTable, match="by rule") as told:
        chosen = dispatch.tiles_of(SQUARE, 1, DEVICE)
    assert chosen == SQUARE.usual(1)
    assert str(path) in str(told[0].message)
    assert len(told) == 1


def test_a_folder_that_cannot_be_read_is_no_failure(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QDSL_TUNED", str(folder / "none"))
    assert dispatch.tiles_of(SQUARE, 1, DEVICE) == SQUARE.usual(1)
    (folder / "none").write_text("a file")
    dispatch.forget()
    assert dispatch.tiles_of(SQUARE, 1, DEVICE) == SQUARE.usual(1)


# ---- tuning --------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", BUCKETS)
@pytest.mark.parametrize("kernel", ["linear_float", "linear_int8"])
def test_candidates_are_few_and_divide_the_weight(kernel: str, tokens: int) -> None:
    for shape in ((4096, 4096), (4032, 512), (64, 70)):
        for planes in (1, 3):
            each = task(*shape, kernel=kernel, planes=planes)
            shapes = [*each.shapes(tokens)]
            assert shapes[0] == each.usual(tokens)
            tried = [t for s in shapes for t in (s, *each.splits(s, tokens))]
            assert all(each.takes(tiles, tokens) for tiles in tried)
            assert len({*shapes}) == len(shapes) <= 32


def product(asked: Task, tokens: int) -> tuple[Callable[[], object], list[Tiles]]:
    """A call that asks for tiles, as products do, and what it was told."""
    told: list[Tiles] = []
    return lambda: told.append(dispatch.tiles_of(asked, tokens, torch.device("cpu"))), told


def test_the_fastest_is_kept_and_used() -> None:
    best = Tiles(16, 64, 4, 4, 4)
    call, told = product(SQUARE, 3)

    def clock(calls: Any) -> float:
        calls[0]()
        now = told[-1]
        return 1e-6 * (1 + (replace(now, splits=4) != best) + (now.splits != 4))

    (found,) = Tuner(clock).rows([call])
    assert found == Measured(SQUARE, 4, best, 1.0, 3.0)
    keep(GPU, [found])
    assert dispatch.tiles_of(SQUARE, 2, DEVICE) == best
    call()
    assert told[-1] == SQUARE.usual(3)  # nothing that was tried stays


def test_what_cannot_run_or_is_refused_is_left_out() -> None:
    call, told = product(SQUARE, 16)

    def clock(calls: Any) -> float:
        calls[0]()
        if told[-1].warps == 8:
            raise RuntimeError("out of resource: shared memory")
        return 1e-6 * told[-1].rows

    def refuses(task: Task, tiles: Tiles) -> bool:
        return tiles.rows == 64

    (found,) = Tuner(clock, refuses).rows([call])
    assert (found.tiles.rows, found.tiles.warps) == (128, 4)
    assert not [tiles for tiles in told if tiles.rows == 64]


def test_usual_tiles_that_fail_are_a_failure() -> None:
    call, _ = product(SQUARE, 16)

    def clock(calls: Any) -> float:
        raise RuntimeError("no kernel image")

    with pytest.raises(RuntimeError, match="no kernel image"):
        [*Tuner(clock).rows([call])]


def test_calls_of_a_program_are_tuned_once_each(folder: Path) -> None:
    other = task(512, 512)
    weights = {SQUARE: torch.zeros(8, 100), other: torch.zeros(8, 100)}
    seen: list[int] = []

    def clock(calls: Any) -> float:
        for call in calls:
            call()
        return 1e-6

    def call(asked: Task, tokens: int) -> Call:
        def run(weight: torch.Tensor) -> None:
            seen.append(id(weight))
            dispatch.tiles_of(asked, tokens, torch.device("cpu"))

        return Call(weights[asked], run)

    calls = [call(SQUARE, 1), call(SQUARE, 1), call(other, 1), call(SQUARE, 100), call(SQUARE, 90)]
    lines = [*tune(calls, Tuner(clock), 1000, GPU)]
    assert [line.split("  ")[0] for line in lines] == [
        "linear_float 4 bits 4096x4096 M=1",
        "linear_float 4 bits 512x512 M=1",
        "linear_float 4 bits 4096x4096 M=128",
    ]
    assert len({*seen}) > 2  # copies, so that none is in the cache
    (path,) = folder.iterdir()
    assert all(line.endswith(str(path)) for line in lines)
    assert len(measured_files.read(path, GPU, TRITON)) == 3


def test_nothing_is_tuned_in_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(BACKEND, Tunable)
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert not BACKEND.tuning().available


def test_copies_are_more_than_a_cache_holds() -> None:
    for bytes in (1, 1000, 60 << 20, 1 << 30):
        assert copies_of(bytes, 50 << 20) * bytes >= 200 << 20
    assert copies_of(1 << 30, 50 << 20) == 1
