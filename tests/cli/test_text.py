"""Compares what the commands print with golden files."""

from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"

COMMANDS = {
    "size": (0, "size net.qspec#small"),
    "size_of_all": (0, "size net.qspec"),
    "diff": (0, "diff net.qspec#small net.qspec#other"),
    "diff_of_equals": (0, "diff net.qspec#small net.qspec#small"),
    "diff_gate": (1, "diff --gate net.qspec#small net.qspec#other"),
    "why": (0, "why net.qspec#small pairs[1].up"),
    "why_tied": (0, "why net.qspec#small out.weight"),
    "why_no_rule": (0, "why net.qspec#float rnn.weight_hh"),
    "why_block": (1, "why net.qspec#small pairs[0]"),
    "why_layer": (1, "why net.qspec#small rnn"),
    "why_unknown": (1, "why net.qspec#small pairs[1].upp.weight"),
    "check": (0, "check net.qspec#small parts.qspec"),
    "check_missed_budget": (1, "check net.qspec"),
    "check_broken": (1, "check broken.qspec"),
    "check_concise": (1, "check --format concise broken.qspec"),
    "check_several": (1, "check net.qspec#smal broken.qspec net.qspec#small"),
    "size_broken": (1, "size broken.qspec"),
    "unknown_variant": (1, "size net.qspec#smal"),
    "which_variant": (1, "diff net.qspec net.qspec#small"),
    "no_variant": (1, "size parts.qspec"),
    "missing_file": (2, "check nett.qspec"),
    "folder": (2, "size ."),
    "unknown_command": (2, "sise net.qspec"),
    "no_command": (2, ""),
    "help": (0, "--help"),
    "explain": (0, "explain q713"),
    "explain_unknown": (2, "explain Q713x"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_printed(name, qdsl, golden, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    status, command = COMMANDS[name]
    found = qdsl(*command.split())
    golden(
        GOLDEN / f"{name}.txt",
        f"$ qdsl {command}\n{found.out}--- stderr\n{found.err}--- status {found.status}\n",
    )
    assert found.status == status


def test_a_rule_is_listed_once(qdsl):
    """A tied weight is matched by each of its names."""
    found = qdsl("why", "net.qspec#small", "table.weight")
    assert found.out.count("default {") == 1
    assert found.out.count("->") == 1


def test_findings_are_data_for_nobody_but_check(qdsl):
    found = qdsl("size", "--format", "json", "broken.qspec")
    assert found.out == ""
    assert "error[Q" in found.err


@pytest.mark.parametrize("command", ["check", "diff", "explain", "fmt", "size", "verify", "why"])
def test_help_of_each_command(qdsl, command):
    found = qdsl(command, "--help")
    assert found.status == 0
    assert found.out.startswith(f"usage: qdsl {command}")
    found = qdsl(command)
    assert found.status == 2
    assert found.out == ""
    assert "required" in found.err
