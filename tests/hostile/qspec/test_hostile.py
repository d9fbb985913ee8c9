"""Compiles specs that nobody writes for good: each ends soon, in findings, never in a crash."""

from pathlib import Path
from time import process_time

from qdsl.diagnostic.render import full
from qdsl.sema.compile import compile_file

SECONDS = 3.0  # of this process's own time; each takes less than one on an idle machine


def test_hostile_specs(hostile: tuple[str, list[str]], tmp_path: Path) -> None:
    text, expected = hostile
    path = tmp_path / "hostile.qspec"
    path.write_text(text, encoding="utf-8")
    start = process_time()
    compiled = compile_file(path)
    full(compiled.diagnostics, color=False)
    assert process_time() - start < SECONDS
    assert sorted({d.code for d in compiled.diagnostics}) == expected
    assert compiled.ok == (not expected)
