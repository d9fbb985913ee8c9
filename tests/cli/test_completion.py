"""Completes command lines, in bash where it is here."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import qdsl.cli.shells
from qdsl.cli.shell import commands
from qdsl.registry import names

GOLDEN = Path(__file__).parent / "golden"
BASH = shutil.which("bash")
TRY = """
source ./qdsl.bash
compopt() { :; }
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_qdsl
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize("shell", names(qdsl.cli.shells))
def test_each_script_knows_each_command(qdsl, shell):
    found = qdsl("completion", shell)
    assert (found.status, found.err) == (0, "")
    for command in commands():
        assert command.name in found.out
        assert all(flag.lstrip("-") in found.out for flag in command.flags)


def test_what_takes_what():
    known = {c.name: c for c in commands()}
    (spec,) = known["size"].arguments
    assert spec.takes == "specs"
    assert {o.flags[0]: o.takes for o in known["verify"].options}["--checkpoint"] == "files"
    shown = {flag for c in known.values() for flag in c.flags}
    assert not shown & {"--variants", "--words"}


@pytest.mark.skipif(BASH is None, reason="bash is not here")
@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("ch", ["check"]),
        ("size --f", ["--format"]),
        ("check --format s", ["sarif"]),
        ("check --format = g", ["github"]),
        ("size n", ["net.qspec"]),
        ("size net.qspec#", ["net.qspec#float", "net.qspec#small", "net.qspec#other"]),
        ("diff net.qspec#float net.qspec#s", ["net.qspec#small"]),
        ("list un", ["units"]),
        ("explain ConformerB", ["ConformerBlock"]),
        ("why net.qspec#small en", [""]),
        ("inspect p", ["parts.qspec"]),
    ],
)
def test_bash(qdsl, folder, line, found):
    (folder / "qdsl.bash").write_text(qdsl("completion", "bash").out)
    (folder / "qdsl").write_text(f'#!/bin/sh\nexec {sys.executable} -m qdsl "$@"\n')
    (folder / "qdsl").chmod(0o755)
    made = subprocess.run(
        [BASH, "--norc", "-c", TRY, "bash", "qdsl", *line.split(" ")],
        cwd=folder,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert made.stderr == ""
    assert made.stdout.splitlines() == found


def test_models_stand_for_variants_that_are_not_there(qdsl, folder):
    text = (folder / "net.qspec").read_text().partition("\nvariant")[0]
    (folder / "bare.qspec").write_text(text)
    assert qdsl("completion", "--variants", "bare.qspec").out == "Net\n"
    assert qdsl("completion", "--variants", "none.qspec").status == 0


@pytest.mark.parametrize("shell", ["fish", "zsh"])
def test_one_command_in_other_shells(qdsl, golden, shell):
    lines = qdsl("completion", shell).out.splitlines(keepends=True)
    kept = [line for line in lines if "__fish_use_subcommand -a" not in line]
    text = "".join(kept)
    if shell == "fish":
        text = "".join(line for line in kept if "from" not in line or "from inspect" in line)
    else:
        start = text.index("        inspect)")
        text = text[: text.index("    commands=(")] + text[start : text.index(";;", start)]
    golden(GOLDEN / f"completion_{shell}.txt", text)
