"""Checks, formats and sizes every spec in `specs`."""

from collections.abc import Callable
from pathlib import Path

import pytest

from qdsl.sema.compile import compile_file
from qdsl.source import Source
from qdsl.spec import load_spec
from qdsl.syntax import format_file, parse

SPECS = Path(__file__).parents[1] / "specs"
GOLDEN = Path(__file__).parent / "golden" / "specs"
FILES = sorted(SPECS.rglob("*.qspec"))
WHOLE = [path for path in FILES if path.parent.name != "std"]

each_file = pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SPECS)))
each_whole = pytest.mark.parametrize("path", WHOLE, ids=lambda p: p.stem)


def test_there_are_specs() -> None:
    assert "digits" in {path.stem for path in WHOLE}
    assert {"attention", "speech"} <= {path.stem for path in FILES}


@each_file
def test_is_in_the_one_layout(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    file, findings = parse(Source(path.name, text))
    assert findings == ()
    assert format_file(file) == text


@each_file
def test_compiles_without_findings(path: Path) -> None:
    assert compile_file(path).diagnostics == ()


@each_whole
def test_variants_hold_what_they_promise(path: Path) -> None:
    """Every layer has a kernel where kernels are built, and every budget holds."""
    variants = load_spec(path).variants
    assert variants
    assert {name: v.findings() for name, v in variants.items()} == dict.fromkeys(variants, ())


@each_whole
def test_sizes(path: Path, golden: Callable[[Path, str], None]) -> None:
    variants = load_spec(path).variants.values()
    lines = [f"{v.name} {v.size().total_bytes} {v.size().params}\n" for v in variants]
    golden(GOLDEN / f"{path.stem}.txt", "variant bytes parameters\n" + "".join(lines))
