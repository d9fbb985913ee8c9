"""Holds the manual page of every command to one form, and docs/cli.md to the parsers."""

from pathlib import Path

import pytest

import qdsl.cli.commands
from qdsl.cli.command import Command
from qdsl.cli.manual import manual, pages
from qdsl.cli.parser import make_parser
from qdsl.registry import member, names

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"
COMMANDS = names(qdsl.cli.commands)
PAGES = {page.name: page for page in pages()}


def test_the_manual_is_up_to_date():
    assert DOCS.read_text(encoding="utf-8") == manual(), (
        "run `python -m qdsl.cli.manual > docs/cli.md`"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_help(qdsl, command):
    found = qdsl(command, "--help")
    assert (found.status, found.err) == (0, "")
    assert found.out.startswith(f"usage: qdsl {command} ")
    assert "\nexit status:\n  0  " in found.out
    assert max(map(len, found.out.splitlines())) <= 80
    assert qdsl(command, "-h").out == found.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_page_is_whole(command):
    page = PAGES[command]
    assert page.description
    assert page.examples
    assert all(word.help for word in (*page.arguments, *page.options))
    assert set(page.see) <= set(COMMANDS)
    assert [n for n, _ in page.statuses] == sorted({n for n, _ in page.statuses})


@pytest.mark.parametrize(
    ("command", "line"), [(c, line) for c in COMMANDS for line, _ in PAGES[c].examples]
)
def test_examples_are_of_the_command(command, line):
    """Each example is read by the parser; what a shell does around it is left out."""
    words = line.partition(" > ")[0].partition(" | ")[0].removesuffix(")").split()
    words = words[words.index("qdsl") + 1 :] if "qdsl" in words else words[2:]
    assert words[0] == command
    parser = make_parser(command, member(qdsl.cli.commands, command, Command))
    parser.parse_args([word.strip("'") for word in words[1:]])


@pytest.mark.parametrize("command", [c for c in COMMANDS if PAGES[c].arguments])
def test_bad_usage_is_a_line_and_a_help(qdsl, command):
    found = qdsl(command, "--no-such-option", "x", "y", "z")
    assert (found.status, found.out) == (2, "")
    first, second = found.err.splitlines()
    assert first.startswith("error: ")
    assert second.startswith("  help: ")


def test_options_are_not_abbreviated(qdsl):
    found = qdsl("size", "--form", "json", "net.qspec")
    assert found.status == 2
    assert (
        found.err
        == "error: unrecognized arguments: --form net.qspec\n  help: did you mean `--format`?\n"
    )
