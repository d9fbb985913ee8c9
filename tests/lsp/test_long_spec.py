"""The spec that the benchmarks type into is valid, formatted, and as long as was asked for."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from qdsl.source import Source
from qdsl.spec import check_spec
from qdsl.syntax import format_file, parse

PATH = Path(__file__).parents[2] / "benchmarks" / "long_spec.py"


@pytest.fixture(scope="module")
def text() -> str:
    spec = spec_from_file_location("long_spec", PATH)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.long_spec(320)


def test_it_is_as_long_as_was_asked_for(text):
    assert 280 <= text.count("\n") <= 320


def test_it_has_no_findings(text, tmp_path):
    path = tmp_path / "long.qspec"
    path.write_text(text)
    spec = check_spec(path)
    assert spec.diagnostics == ()
    assert [d for v in spec.variants.values() for d in v.findings()] == []
    assert len(spec.variants) == 8


def test_it_is_formatted(text):
    assert format_file(parse(Source("", text))[0]) == text
