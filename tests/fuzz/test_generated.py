"""Runs a few inputs of each generator, and holds the generators to what they are for."""

from pathlib import Path
from random import Random

import pytest

from qdsl.source import Source
from qdsl.spec import check_spec
from qdsl.syntax import parse
from qdsl.syntax.grammar import load
from qdsl.syntax.lexer import lex
from tests.fuzz.inputs import GENERATORS, TURNS, generator_of, make
from tests.fuzz.sentences import sentences
from tests.fuzz.spacing import spaced
from tests.fuzz.specs import spec
from tests.fuzz.worker import Worker

EXAMPLES = 15


@pytest.mark.parametrize("name", GENERATORS)
def test_inputs_find_nothing(name: str, worker: Worker) -> None:
    numbers = [n for n in range(1000) if generator_of(n) == name][:EXAMPLES]
    found = {n: outcome.findings for n in numbers if (outcome := worker.ask((1, n))).findings}
    assert not found


def test_every_generator_has_its_turn() -> None:
    assert set(TURNS) == set(GENERATORS)


def test_inputs_depend_on_seed_and_number_alone() -> None:
    assert make(3, 14) == make(3, 14)
    assert make(3, 14) != make(4, 14)
    assert make(3, 14) != make(3, 24)


def test_sentences_parse_and_use_the_whole_grammar() -> None:
    tables, parsed, seen = load(), 0, set[int]()
    for number in range(150):
        random = Random(number)
        source = Source("test.qspec", spaced(sentences().draw(random), random))
        seen |= {token.symbol for token in lex(source, tables, 1).tokens}
        parsed += not parse(source)[1]
    assert parsed > 130
    ignored = {tables.terminals["COMMENT"], tables.terminals["SPACE"]}
    assert seen == set(tables.terminals.values()) - ignored


def test_specs_compile(tmp_path: Path) -> None:
    path, compiled = tmp_path / "test.qspec", 0
    for number in range(20):
        path.write_text(spec(Random(number)), encoding="utf-8")
        compiled += check_spec(path).compiled.ok
    assert compiled >= 16
