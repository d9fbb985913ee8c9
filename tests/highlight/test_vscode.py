"""Checks the VS Code extension: its manifest, its snippets, its rules of typing, its client."""

import json
import plistlib
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from qdsl.highlight.textmate import textmate
from qdsl.source import Source
from qdsl.syntax import format_file, parse

ROOT = Path(__file__).parents[2]
EXTENSION = ROOT / "grammar" / "editors" / "vscode"


def read(name: str) -> Any:
    return json.loads((EXTENSION / name).read_text(encoding="utf-8"))


MANIFEST = read("package.json")
CONFIGURATION = read("language-configuration.json")
SNIPPETS = read("snippets/qspec.json")


def test_every_file_of_the_manifest_is_there() -> None:
    contributed = MANIFEST["contributes"]
    (language,), (grammar,) = contributed["languages"], contributed["grammars"]
    (snippets,) = contributed["snippets"]
    named = [MANIFEST["main"], language["configuration"], grammar["path"], snippets["path"]]
    assert all((EXTENSION / name).is_file() for name in [*named, "README.md", "LICENSE"])
    assert grammar["scopeName"] == textmate()["scopeName"]
    assert {language["id"], grammar["language"], snippets["language"]} == {"qspec"}


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert MANIFEST["version"] == project["version"]
    assert MANIFEST["license"] == project["license"]["text"]


def test_the_server_is_a_command_of_the_package() -> None:
    setting = MANIFEST["contributes"]["configuration"]["properties"]["qspec.server.command"]
    assert setting["default"] == ["qdsl", "lsp"]


# ---- snippets


@pytest.mark.parametrize("name", SNIPPETS)
def test_snippets_are_right_as_they_come(name: str) -> None:
    text = filled(SNIPPETS[name]["body"])
    if SNIPPETS[name]["prefix"] in ("fn", "repeat"):
        text = f"block A {{\n{text}\n}}\n"
    if not text.startswith("qspec"):
        text = f"qspec 1\n\n{text}\n"
    _, findings = parse(Source(name, text))
    assert findings == ()


def test_the_file_snippet_is_in_the_one_layout() -> None:
    text = filled(SNIPPETS["file"]["body"])
    file, _ = parse(Source("file", text))
    assert format_file(file) == text


def filled(body: str | list[str]) -> str:
    """The text of a snippet with what it proposes at each place."""
    text = body if isinstance(body, str) else "\n".join(body)
    text = re.sub(r"\$\{(\d)\|([^,|]*)[^|]*\|\}", r"${\1:\2}", text).replace("$0", "")
    proposed = dict(re.findall(r"\$\{(\d):([^{}]*)\}", text))
    text = re.sub(r"\$\{(\d):[^{}]*\}", r"$\1", text)
    while "$" in text:
        text = re.sub(r"\$(\d)", lambda found: proposed[found[1]], text)
    return text


# ---- typing


def on_enter(before: str, after: str = "") -> str:
    """What the rules put at the beginning of the line that Enter begins."""
    for rule in CONFIGURATION["onEnterRules"]:
        if re.search(rule["beforeText"], before) and re.search(rule.get("afterText", ""), after):
            text: str = rule["action"]["appendText"]
            return text
    return ""


def test_documentation_goes_on_at_enter() -> None:
    assert on_enter("## Two linear maps") == "## "
    assert on_enter("    ## Two", " maps") == "## "
    assert on_enter("## ") == ""
    assert on_enter("# comment") == ""
    assert on_enter("x = 3  ## comment") == ""


@pytest.mark.parametrize(
    ("line", "more"),
    [
        ("block A(", True),
        ('model M { # "open', True),
        ("sizes = [  ", True),
        ("a = Linear(3)", False),
        ("# {", False),
        ('a = f("{', False),
    ],
)
def test_indentation_after_a_line(line: str, more: bool) -> None:
    pattern = CONFIGURATION["indentationRules"]["increaseIndentPattern"]
    assert bool(re.search(pattern, line)) is more


def test_a_closing_bracket_ends_indentation() -> None:
    less = re.compile(CONFIGURATION["indentationRules"]["decreaseIndentPattern"])
    assert less.search("    }")
    assert not less.search("a }")


def test_words() -> None:
    word = re.compile(CONFIGURATION["wordPattern"])
    assert word.findall("encoder.ff_1 1e-3 0.5") == ["encoder", "ff_1", "1e-3", "0.5"]


# ---- the client and other readers


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_client_starts_the_server() -> None:
    stage = Path(__file__).parent / "cases" / "vscode.js"
    command = ["node", str(stage), str(EXTENSION / "extension.js")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == [
        "client qspec qspec",
        "start /home/bin/qdsl lsp",
        "stop",
        "client qspec qspec",
        "start elsewhere",
        "stop",
        "client qspec qspec",
        "error qspec: cannot start `elsewhere`: not found",
        "execute workbench.action.openSettings qspec.server.command",
    ]


def test_the_grammar_can_be_a_property_list() -> None:
    """As the hint for Sublime Text converts it."""
    assert plistlib.loads(plistlib.dumps(textmate())) == textmate()
