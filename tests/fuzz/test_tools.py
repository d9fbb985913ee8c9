"""Tests what finds things: limits are kept, and inputs are made smaller."""

from pathlib import Path

import pytest

from qdsl.source import Source
from qdsl.syntax import parse
from tests.fuzz import probe
from tests.fuzz.minimise import minimise
from tests.fuzz.places import Places
from tests.fuzz.worker import Worker


def test_an_input_becomes_as_small_as_what_it_shows() -> None:
    data = b"qspec 1\n\nconst a = 1\nconst b = oops(2)\n" * 20
    assert minimise(data, lambda part: b"oops" in part) == b"oops"
    assert minimise(data, lambda part: part.count(b"a") > 1 and b"2" in part) in (b"aa2", b"a2a")


@pytest.mark.parametrize("stage", ["_parse", "_check", "_size"])
def test_crashes_and_hangs_are_found(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hangs(*arguments: object) -> None:
        while True:
            pass

    def crashes(*arguments: object) -> None:
        raise RecursionError

    monkeypatch.setattr(probe, "SECONDS", 0.05)
    text = b"qspec 1\n\nmodel A() {\n}\n"
    for broken, word in ((hangs, "takes too long"), (crashes, "RecursionError")):
        monkeypatch.setattr(probe, stage, broken)
        findings = probe.probe(text, tmp_path).findings
        assert len(findings) == 1
        assert word in findings[0]


def test_memory_is_limited(worker: Worker) -> None:
    outcome = worker.ask(b"qspec 1\n\nconst a = 1\n")
    assert outcome.findings == []
    assert 0 < outcome.peak < probe.MEMORY


def test_places_of_comments() -> None:
    text = "qspec 1\nconst a = f(x, # one\n y)\n# two\nconst b = 1 # three\n + 2\n"
    file, _ = parse(Source("test.qspec", text))
    places = Places(file)
    reached = [places.tokens[slice(*places.reach(c.span.start))] for c in file.comments]
    assert reached == [[], [], ["const", "b", "=", "1", "+", "2"]]
