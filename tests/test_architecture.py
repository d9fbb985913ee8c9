"""Holds the house to its plan: what is loaded when, what a folder holds, what files are called."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

import qdsl.cli.commands
import qdsl.formats
import qdsl.layers
import qdsl.sema.checks
import qdsl.sparsity
from qdsl.cli.command import Command
from qdsl.ir.family import Family, SparsityFamily
from qdsl.ir.layer import Layer
from qdsl.registry import member, member_class, names
from qdsl.sema.check import Check

ROOT = Path(__file__).parents[1]
SPEC = "specs/usm_lite.qspec"
HEAVY = ("torch", "numpy", "lark", "rich", "safetensors")

SOURCES = [
    path
    for folder in ("qdsl", "backends", "tests", "benchmarks")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".cc", ".h", ".qspec") and path.is_file()
]


# ---- what is loaded ------------------------------------------------------------------------------


def loaded_by(code: str) -> list[str]:
    """Which of the heavy packages a new process has loaded after running the code."""
    probe = f"import sys\n{code}\nsys.exit('!' + ' '.join(m for m in {HEAVY} if m in sys.modules))"
    made = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=False
    )
    last = made.stderr.splitlines()[-1]
    assert last.startswith("!"), made.stderr
    return last[1:].split()


def command(*arguments: str) -> str:
    return f"from qdsl.cli import run\nassert run({[*arguments]}) in (0, 1)"


LIGHT = {
    "check": command("check", SPEC),
    "check, with findings": command("check", "tests/diagnostics/cases/Q101-unknown-name.qspec"),
    "size": command("size", SPEC),
    "size, as JSON": command("size", SPEC, "--format", "json"),
    "diff": command("diff", f"{SPEC}#usm_lite_phone", f"{SPEC}#smaller"),
    "fmt": command("fmt", "--check", SPEC),
    "why": command("why", f"{SPEC}#smaller", "joint.output"),
    "explain": command("explain", "Q304"),
    "Python": f"from qdsl.spec import load_spec\nload_spec('{SPEC}').variants['smaller'].size()",
}


@pytest.mark.parametrize("name", LIGHT)
def test_the_front_end_is_light(name: str) -> None:
    assert loaded_by(LIGHT[name]) == []


@pytest.mark.parametrize("package", ["torch", "numpy"])
def test_the_probe_would_notice(package: str) -> None:
    assert package in loaded_by(f"import {package}\n{LIGHT['check']}")


# ---- folders that are registries -----------------------------------------------------------------

VALUES: list[tuple[ModuleType, type]] = [
    (qdsl.formats, Family),
    (qdsl.sparsity, SparsityFamily),
    (qdsl.cli.commands, Command),
    (qdsl.sema.checks, Check),
]


@pytest.mark.parametrize(
    ("package", "kind", "name"),
    [(package, kind, name) for package, kind in VALUES for name in names(package)],
    ids=lambda x: x if isinstance(x, str) else getattr(x, "__name__", ""),
)
def test_one_file_is_one_member(package: ModuleType, kind: type, name: str) -> None:
    found: object = member(package, name, kind)  # raises unless there is exactly one
    assert getattr(found, "name", name) == name


@pytest.mark.parametrize("name", names(qdsl.layers))
def test_one_file_is_one_layer_kind(name: str) -> None:
    assert member_class(qdsl.layers, name, Layer).__name__.lower() == name


# ---- files ---------------------------------------------------------------------------------------


def test_there_are_sources() -> None:
    assert len(SOURCES) > 200


@pytest.mark.parametrize(
    "word", ["util", "utils", "common", "helper", "helpers", "misc", "manager"]
)
def test_no_file_is_called_after_nothing(word: str) -> None:
    called = [str(p.relative_to(ROOT)) for p in SOURCES if word in re.split(r"[_\W]", p.stem)]
    assert called == []


def test_no_file_is_too_long() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in SOURCES
        if (lines := path.read_text(encoding="utf-8").count("\n")) > 350
    }
    assert long == {}


def test_each_module_says_what_it_does() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if path.suffix == ".py" and not re.match(r'"""[A-Z]', text := path.read_text()) and text
    ]
    assert silent == []


def test_tests_are_no_packages() -> None:
    # with --import-mode=importlib a package would hide equal names elsewhere
    assert [*(ROOT / "tests").rglob("__init__.py")] == []


def test_what_a_wheel_leaves_out_is_named_from_the_root() -> None:
    """A pattern without a slash would leave out folders of that name anywhere: `syntax/build`."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["scikit-build"]
    assert all(pattern.startswith("/") for pattern in settings["sdist"]["exclude"])
