"""Looks at exit statuses, streams and colours, also of a process of its own."""

import os
import subprocess
import sys

import pytest

from qdsl.size import report


def process(folder, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "qdsl", *arguments],
        cwd=folder,
        env={**os.environ, "QDSL_ISA": "scalar", **environment},
        capture_output=True,
        check=False,
    )


def test_a_process(folder):
    found = process(folder, "size", "net.qspec#small", PYTHONUTF8="1")
    assert found.returncode == 0
    assert found.stderr == b""
    assert found.stdout.decode().startswith("small: ")


def test_an_error_of_a_process(folder):
    found = process(folder, "size", "broken.qspec")
    assert found.returncode == 1
    assert found.stdout == b""
    assert b"error[Q" in found.stderr
    assert b"Traceback" not in found.stderr
    assert b"\x1b[" not in found.stderr


def test_a_terminal_without_arrows(folder):
    found = process(folder, "diff", "net.qspec#small", "net.qspec#other", PYTHONIOENCODING="ascii")
    assert found.returncode == 0
    assert found.stdout.startswith(b"small ? other: ")


def test_a_reader_that_has_gone(folder):
    """As in `qdsl size … | head -0`; the pipe's reading end is closed before a word is written."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "qdsl", "size", "net.qspec"]
    found = subprocess.run(
        command, cwd=folder, stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False
    )
    os.close(writing)
    assert (found.returncode, found.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("line", "status", "out", "err"),
    [
        ("size net.qspec#small >&-", 0, "", ""),
        ("size broken.qspec >&-", 1, "", "error[Q"),
        ("check broken.qspec 2>&-", 1, "", ""),
        ("size net.qspec#small >&- 2>&-", 0, "", ""),
        ("size nothing.qspec >&- 2>&-", 2, "", ""),
        ("size net.qspec#small >/dev/full", 2, "", "cannot write to stdout: No space left on devi"),
        ("list codes >/dev/full", 2, "", "cannot write to stdout: No space left on device"),
        ("check broken.qspec 2>/dev/full", 2, "", ""),
    ],
)
def test_streams_that_take_nothing(folder, line, status, out, err):
    if "/dev/full" in line and not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    command = f'exec "{sys.executable}" -m qdsl {line}'
    found = subprocess.run(
        ["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout) == (status, out)
    assert err in found.stderr
    assert bool(err) == bool(found.stderr)
    assert "Traceback" not in found.stderr


@pytest.mark.parametrize("command", ["check", "size", "fmt"])
def test_not_utf8(qdsl, folder, command):
    (folder / "latin.qspec").write_bytes("qspec 1\n# Größe\n".encode("latin-1"))
    found = qdsl(command, "latin.qspec")
    assert found.status == 2
    assert found.out == ""
    assert "error[Q002]: `latin.qspec` is not UTF-8" in found.err


def test_errors_weigh_less_than_unread_files(qdsl):
    assert qdsl("check", "broken.qspec", "none.qspec").status == 2


def test_a_file_without_permission(qdsl, monkeypatch, folder):
    if os.geteuid() == 0:
        pytest.skip("the superuser may read anything")
    (folder / "net.qspec").chmod(0)
    assert qdsl("check", "net.qspec").status == 2


def test_gate_and_exit_code(qdsl):
    small, other = "net.qspec#small", "net.qspec#other"
    assert qdsl("diff", small, other).status == 0
    assert qdsl("diff", "--gate", other, small).status == 0
    assert qdsl("diff", "--gate", small, other).status == 1
    assert "error[Q401]" in qdsl("diff", "--gate", small, other).err
    assert qdsl("diff", "--exit-code", small, other).status == 1
    assert qdsl("diff", "--exit-code", small, small).status == 0


def test_our_own_bug_says_what_to_report(qdsl, monkeypatch):
    def fail(*arguments):
        raise AssertionError("layers are not sound")

    monkeypatch.setattr(report, "layout", fail)
    found = qdsl("size", "net.qspec#small")
    assert found.status == 101
    assert found.out == ""
    assert "AssertionError: layers are not sound" in found.err
    assert "this is a bug of qdsl, not of your spec" in found.err
    assert "(`qdsl size net.qspec#small`), `qdsl --version` and the file" in " ".join(
        found.err.split()
    )


@pytest.mark.parametrize(
    ("module", "status", "said"),
    [
        ("torch.nn", 2, "error: `qdsl size` needs `torch`, which is not installed"),
        ("torch", 2, "  help: pip install 'qdsl[torch]'"),
        ("qdsl.lost", 101, "this is a bug of qdsl"),
    ],
)
def test_a_package_that_is_not_installed(qdsl, monkeypatch, module, status, said):
    def fail(*arguments):
        raise ModuleNotFoundError(name=module)

    monkeypatch.setattr(report, "layout", fail)
    found = qdsl("size", "net.qspec#small")
    assert (found.status, found.out) == (status, "")
    assert said in found.err


def test_an_interrupt(qdsl, monkeypatch):
    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "layout", stop)
    found = qdsl("size", "net.qspec#small")
    assert (found.status, found.err) == (130, "interrupted\n")


IMPORTS_INTERRUPTED = """
import sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            raise KeyboardInterrupt
sys.meta_path.insert(0, Finder())
import qdsl.__main__
sys.exit(qdsl.__main__.main(["--help"]))
"""


@pytest.mark.parametrize("module", ["qdsl.cli", "qdsl.cli.output", "qdsl.cli.commands.bench"])
def test_an_interrupt_while_modules_are_imported(folder, module):
    command = [sys.executable, "-c", IMPORTS_INTERRUPTED, module]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (130, "")
    assert found.stderr == "interrupted\n"


def test_usage(qdsl):
    for wrong in (["size"], ["size", "a", "b"], ["size", "--form", "xml", "net.qspec"]):
        found = qdsl(*wrong)
        assert (found.status, found.out) == (2, "")
    found = qdsl("--verbose", "size", "net.qspec")
    assert found.status == 2
    assert "no option `--verbose`" in found.err


@pytest.mark.parametrize("line", [("check", ""), ("size", "net.qspec", ""), ("explain", "")])
def test_an_empty_argument(qdsl, line):
    found = qdsl(*line)
    assert (found.status, found.out) == (2, "")
    assert f"`qdsl {line[0]}` is given an empty argument" in found.err


@pytest.mark.parametrize("command", ["check", "size", "fit"])
def test_an_empty_variant(qdsl, command):
    found = qdsl(command, "net.qspec#")
    assert (found.status, found.out) == (1, "")
    assert "error[Q316]: `net.qspec#` names no variant" in found.err
    assert "`net.qspec#small`" in found.err


def test_version(qdsl):
    found = qdsl("--version")
    assert found.status == 0
    assert found.out.startswith("qdsl ")


class Terminal:
    """A stream that says it is a terminal."""

    def __init__(self, stream):
        self._stream = stream

    def isatty(self):
        return True

    def __getattr__(self, name):
        return getattr(self._stream, name)


@pytest.mark.parametrize(("no_color", "escapes"), [("", True), ("1", False)])
def test_colours_on_a_terminal_only(qdsl, monkeypatch, no_color, escapes):
    monkeypatch.setenv("NO_COLOR", no_color)
    assert "\x1b[" not in qdsl("check", "broken.qspec").err
    monkeypatch.setattr(sys, "stderr", Terminal(sys.stderr))
    monkeypatch.setattr(sys, "stdout", Terminal(sys.stdout))
    assert ("\x1b[" in qdsl("check", "broken.qspec").err) == escapes
    assert ("\x1b[" in qdsl("diff", "net.qspec#small", "net.qspec#other").out) == escapes


def test_nothing_is_written(qdsl, folder):
    before = {p: p.read_bytes() for p in folder.iterdir()}
    for command in ("check", "size", "fmt"):
        qdsl(command, "broken.qspec")
        qdsl(command, "net.qspec")
    assert {p: p.read_bytes() for p in folder.iterdir()} == before
