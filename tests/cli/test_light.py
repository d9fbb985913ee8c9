"""Proves that no command but those that run models loads torch."""

import subprocess
import sys

CODE = """
import contextlib, io, sys
from qdsl.cli import run

for line in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()):
        status = run(line.split())
    assert status in (0, 1), line
    assert "torch" not in sys.modules, line
"""

LINES = (
    "check net.qspec",
    "check --show tree net.qspec",
    "check --show ir net.qspec#small",
    "check --format sarif net.qspec",
    "size net.qspec",
    "why net.qspec#small rnn",
    "new fresh",
    "list layers",
    "list std",
    "list tasks",
    "list targets",
    "explain Linear",
    "completion bash",
    "doctor",
    "inspect net.qspec",
)


def test_no_torch(folder):
    command = [sys.executable, "-c", CODE, *LINES]
    found = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert found.returncode == 0, found.stderr
