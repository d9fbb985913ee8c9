"""Runs every input that once found something: each is a mistake that does not come back."""

from pathlib import Path

import pytest

from tests.fuzz.worker import Worker

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.qspec"))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_nothing_is_found_in_what_once_found_something(path: Path, worker: Worker) -> None:
    assert worker.ask(path.read_bytes()).findings == []
