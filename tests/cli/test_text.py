"""Compares what the commands print with golden files."""

from pathlib import Path

import pytest

import qdsl.cli.commands as qdsl_commands
from qdsl.registry import names

GOLDEN = Path(__file__).parent / "golden"

COMMANDS = {
    "size": (0, "size net.qspec#small"),
    "size_of_all": (0, "size net.qspec"),
    "diff": (0, "diff net.qspec#small net.qspec#other"),
    "diff_of_equals": (0, "diff net.qspec#small net.qspec#small"),
    "diff_gate": (1, "diff --gate net.qspec#small net.qspec#other"),
    "why": (0, "why net.qspec#small pairs[1].up.weight"),
    "why_tied": (0, "why net.qspec#small out.weight"),
    "why_no_rule": (0, "why net.qspec#float rnn.weight_hh"),
    "why_block": (0, "why net.qspec#other pairs[0]"),
    "why_repeat": (0, "why net.qspec#other pairs"),
    "why_layer": (0, "why net.qspec#small rnn"),
    "why_value": (0, "why net.qspec#small pairs[1].forward.y"),
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
    "explain": (0, "explain q713"),
    "explain_unknown": (2, "explain Q713x"),
    "explain_unknown_word": (2, "explain Liner"),
    "explain_unit": (0, "explain KiB"),
    "explain_property": (0, "explain bias"),
    "explain_function": (0, "explain SOFTMAX"),
    "list_units": (0, "list units"),
    "list_of_what": (2, "list layer"),
    "check_tree": (0, "check --show tree parts.qspec"),
    "check_tree_broken": (1, "check --show tree cut.qspec"),
    "check_ir": (0, "check --show ir net.qspec#small"),
    "check_ir_broken": (1, "check --show ir broken.qspec"),
    "check_github": (1, "check --format github broken.qspec"),
    "check_two_outputs": (2, "check --show ir --format json net.qspec"),
    "new": (0, "new start"),
    "new_exists": (2, "new net"),
    "new_nowhere": (2, "new nowhere/net"),
    "completion_of_what": (2, "completion"),
    "variants_of_a_file": (0, "completion --variants net.qspec"),
    "unknown_option": (2, "size --fromat json net.qspec"),
    "unknown_choice": (2, "size --format jsno net.qspec"),
    "wrong_value": (2, "train --save-every 0 net.qspec#small"),
    "missing_value": (2, "compile net.qspec#small -o"),
    "missing_argument": (2, "why net.qspec#small"),
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


def test_the_list_of_commands(qdsl):
    listed, unasked = qdsl("--help"), qdsl()
    assert (listed.status, listed.err) == (0, "")
    assert (unasked.status, unasked.out, unasked.err) == (2, "", listed.out)
    assert qdsl("-h") == listed
    lines = listed.out.partition("commands:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in lines] == list(names(qdsl_commands))
    assert all(len(line.split()) > 2 for line in lines)
