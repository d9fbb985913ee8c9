"""Compiles specs that are written in tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from qdsl.diagnostic.render import full
from qdsl.ir.flat import Graph, flatten
from qdsl.sema.compile import Compiled, Variant, compile_file


@pytest.fixture
def compiled(tmp_path: Path) -> Callable[..., Compiled]:
    """`compiled(text, **others)`: the file of that text, beside it files by name without suffix."""

    def build(text: str, **others: str) -> Compiled:
        for name, content in others.items():
            (tmp_path / f"{name}.qspec").write_text(f"qspec 1\n{content}", encoding="utf-8")
        path = tmp_path / "test.qspec"
        path.write_text(f"qspec 1\n{text}", encoding="utf-8")
        return compile_file(path, "test.qspec")

    return build


@pytest.fixture
def variant(compiled: Callable[..., Compiled]) -> Callable[..., Variant]:
    """`variant(text, **others)`: the first variant of a file without any finding."""

    def build(text: str, **others: str) -> Variant:
        found = compiled(text, **others)
        assert not found.diagnostics, full(found.diagnostics, color=False)
        return next(iter(found.variants.values()))

    return build


@pytest.fixture
def codes(compiled: Callable[..., Compiled]) -> Callable[..., list[str]]:
    """`codes(text, **others)`: the codes of all findings, in order."""

    def build(text: str, **others: str) -> list[str]:
        return [d.code for d in compiled(text, **others).diagnostics]

    return build


@pytest.fixture
def graph(variant: Callable[..., Variant]) -> Callable[..., Graph]:
    """`graph(text, entry)`: that entry, or the first, of the first variant, unrolled."""

    def build(text: str, entry: str | None = None) -> Graph:
        entries = variant(text).model.entries
        return flatten(next(e for e in entries if entry in (None, e.name)))

    return build
