"""Checks the tables that are shipped: fresh, complete, and read without lark."""

import json
import logging
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import lark
import pytest

import qdsl
from qdsl.syntax.build.expressions import LEAVES, NESTING
from qdsl.syntax.build.items import NODES
from qdsl.syntax.grammar import LARK, load, name_for
from qdsl.syntax.tables import compile_grammar

FOLDER = Path(qdsl.__file__).parent / "grammar"
GRAMMAR = (FOLDER / "qspec.lark").read_text(encoding="utf-8")


def test_the_tables_are_those_of_the_grammar() -> None:
    (shipped,) = FOLDER.glob("qspec-*.json")
    assert shipped.name == name_for(GRAMMAR), "run python -m qdsl.syntax.tables"
    assert json.loads(shipped.read_text(encoding="utf-8")) == compile_grammar(GRAMMAR)
    assert version("lark") == LARK


def test_a_grammar_without_tables_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = load()
    monkeypatch.setattr("qdsl.syntax.grammar.name_for", lambda grammar: "missing.json")
    assert load() == shipped
    assert not (FOLDER / "missing.json").exists()


def test_every_action_has_its_function() -> None:
    shipped = load()
    assert {action for _, _, action, _ in shipped.rules if action} == set(NODES)
    assert set(LEAVES) <= set(shipped.terminals)
    assert set(NODES) >= NESTING


def test_conflicts_are_those_that_are_known(caplog: pytest.LogCaptureFixture) -> None:
    """A value on a new line that begins with one of these goes on with the statement before."""
    with caplog.at_level(logging.DEBUG, logger=lark.logger.name):
        lark.Lark(GRAMMAR, start="file", parser="lalr", lexer="basic", debug=True)
    found = [r.getMessage() for r in caplog.records if "onflict" in r.getMessage()]
    assert {message.split("terminal ")[1].split(":")[0] for message in found} == {
        "LPAR",
        "LSQB",
        "MINUS",
    }


RUN = """
import sys
from qdsl.source import Source
from qdsl.syntax import parse
parse(Source("x", "qspec 1"))
print(sorted({"lark", "torch", "numpy", "pickle"} & set(sys.modules)))
"""


def test_a_parse_loads_neither_lark_nor_torch() -> None:
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    # that this would be seen
    seen = RUN.replace("import sys", "import sys, lark")
    done = subprocess.run([sys.executable, "-c", seen], capture_output=True, text=True, check=True)
    assert "lark" in done.stdout
