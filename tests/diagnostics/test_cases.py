"""Holds the message of every semantic error to a golden file, carets included."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import qdsl
from qdsl.diagnostic.model import Diagnostic
from qdsl.diagnostic.render import full

CASES = Path(__file__).parent / "cases"
FILES = sorted([*CASES.glob("*.qspec"), *CASES.glob("*/main.qspec")])
PACKAGE = Path(qdsl.__file__).parent
SOURCES = [
    *(PACKAGE / "sema").rglob("*.py"),
    *(PACKAGE / "size").rglob("*.py"),
    PACKAGE / "ir" / "integer_check.py",
    PACKAGE / "plan.py",
    PACKAGE / "fit.py",
    PACKAGE / "spec.py",
    PACKAGE / "cli" / "selection.py",
]
VARIANTS = {"Q316": "smal", "Q317": ""}  # the variant that is asked for, or any

KERNELS = ("Q510", "Q530", "Q531")  # found where a variant is looked at as it is packed

Find = Callable[..., tuple[Diagnostic, ...]]


def case(path: Path) -> str:
    """`Q101-unknown-name`, of a file or of the folder around several."""
    return path.parent.name if path.name == "main.qspec" else path.stem


@pytest.mark.parametrize("path", FILES, ids=case)
def test_messages(
    path: Path,
    find: Find,
    golden: Callable[[Path, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(path.parent)
    code = case(path)[:4]
    found = find(
        Path(path.name), VARIANTS.get(code), kernels=code in KERNELS, entries=code == "Q221"
    )
    # one mistake is one finding: nothing follows from another
    assert {d.code for d in found} == {code}
    golden(path.with_suffix(".golden"), full(found, color=False))


def test_each_code_has_a_case() -> None:
    texts = [path.read_text(encoding="utf-8") for path in SOURCES]
    used = {code for text in texts for code in re.findall(r'"(Q[1-57]\d\d)"', text)}
    # what an open variant is refused is held in tests/size/test_fit.py
    assert used - {"Q404"} == {case(path)[:4] for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=case)
def test_messages_are_terse(path: Path, find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    for d in find(Path(path.name), VARIANTS.get(case(path)[:4]), kernels=True):
        assert not d.message.endswith(".")
        assert not d.message[:1].isupper()
        assert d.message.count("`") % 2 == 0
        assert len(d.message) <= 140
