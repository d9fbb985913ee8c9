"""Gives the texts that are coloured: every spec, and one text that holds every keyword."""

from pathlib import Path

import pytest

EVERYTHING = Path(__file__).parent / "cases" / "everything.qspec"
SPECS = Path(__file__).parents[2] / "specs"


@pytest.fixture(params=[EVERYTHING, *sorted(SPECS.rglob("*.qspec"))], ids=lambda path: path.stem)
def text(request: pytest.FixtureRequest) -> str:
    path: Path = request.param
    return path.read_text(encoding="utf-8")


@pytest.fixture
def everything() -> str:
    return EVERYTHING.read_text(encoding="utf-8")
