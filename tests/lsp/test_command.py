"""Checks that `qdsl lsp` says what to install without its extra, and loads no torch with it."""

import subprocess
import sys

import pytest

WITHOUT = """
import sys
sys.modules["pygls"] = None
from qdsl.cli import run
sys.exit(run(["lsp"]))
"""
WITH = """
import sys
import qdsl.lsp.server
server = qdsl.lsp.server.make_server(lambda word: None)
sys.exit(any(name in sys.modules for name in ("torch", "numpy")))
"""


def test_without_the_extra():
    found = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    assert found.returncode == 2
    assert found.stderr.startswith("error: `qdsl lsp` needs `pygls`")
    assert "qdsl[lsp]" in found.stderr


def test_the_server_imports_neither_torch_nor_numpy():
    pytest.importorskip("pygls")
    assert subprocess.run([sys.executable, "-c", WITH]).returncode == 0


def test_the_client_that_goes_ends_the_server():
    pytest.importorskip("pygls")
    command = [sys.executable, "-m", "qdsl", "lsp"]
    found = subprocess.run(command, input=b"", capture_output=True, timeout=20)
    assert (found.returncode, found.stdout) == (0, b"")
