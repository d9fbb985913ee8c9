"""Checks what compiling ahead of time keeps from being tried; nothing is compiled here."""

import json
from pathlib import Path
from typing import Any

import pytest

from qdsl_gpu import refused
from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.layout import Layout
from qdsl_gpu.task import Task
from qdsl_gpu.tiles import Tiles, Way

CONSTANTS = {"BITS": 4, "SPAN": 4, "ZERO": 0, "TABLE": False, "PLANES": 3}
CONSTANTS |= {"STACKED": False, "TOKENS": 16, "BN": 128}
KERNELS = {
    "linear_float": Kernel(None, (Variant("w4", {}, CONSTANTS),)),
    "round_rows": Kernel(None, (Variant("row", {}, {"BLOCK": 1024}),)),
}
SOURCES = {"linear_float": "abc"}
TASK = Task("linear_float", Layout(4, 4096, 512, 64), planes=3)


def compile(kernel: Kernel, variant: Variant) -> str:
    assert variant.constants["STACKED"] == (variant.constants["TOKENS"] in (2, 4))
    return "it spills" if variant.warps == 8 else ""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(refused, "SHIPPED", tmp_path)
    path = tmp_path / "refused-sm_90.json"
    path.write_text(refused.found(KERNELS, compile, SOURCES))
    return path


def test_what_did_not_compile_well_is_refused(file: Path) -> None:
    refuses = refused.refuses("sm_90", SOURCES)
    assert refuses(TASK, Tiles(64, 128, 1, 8, 3))
    assert refuses(TASK, Tiles(64, 128, 4, 8, 3))  # splits are of no matter
    assert not refuses(TASK, Tiles(64, 128, 1, 4, 3))
    assert not refuses(Task("linear_float", TASK.layout), Tiles(64, 128, 1, 8, 3))
    tried = json.loads(file.read_text())["refused"]
    assert {row["why"] for row in tried} == {"it spills"}
    assert {row["way"][0] for row in tried} == {"linear_float"}


def test_dense_kernels_are_known_by_their_groups() -> None:
    given = {"SPAN": 128, "ZERO": 0, "PLANES": 1, "PARTS": 1, "TOKENS": 128, "BN": 128}
    kernel = Kernel(None, (Variant("group128", {}, given),))
    text = refused.found({"dense_float": kernel}, lambda kernel, variant: str(variant.stages), {})
    tried = {tuple(row["way"]) for row in json.loads(text)["refused"]}
    tiles = Tiles(128, 128, 1, 8, 3, Way.DENSE)
    for group, known in ((128, True), (1024, True), (64, False), (0, False)):
        task = Task("linear_float", Layout(2, 4096, 4096, group))
        assert (refused.kind_of(task, tiles) in tried) == known
    assert not [kind for kind in tried if kind[0] != "dense_float"]


@pytest.mark.parametrize(
    ("architecture", "sources", "change"),
    [
        ("sm_80", SOURCES, {}),
        ("sm_90", {"linear_float": "abd"}, {}),
        ("sm_90", SOURCES, {"triton": "0"}),
        ("sm_90", SOURCES, {"refused": [1]}),
        ("sm_90", SOURCES, {"sources": None}),
    ],
)
def test_of_anything_else_nothing_is_known(
    architecture: str, sources: dict[str, str], change: dict[str, Any], file: Path
) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    assert not refused.refuses(architecture, sources)(TASK, Tiles(64, 128, 1, 8, 3))
