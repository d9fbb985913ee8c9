"""Looks at what a user of Python reads: the text of errors, and values at a prompt."""

import pytest
import torch

from qdsl.diagnostic.model import QdslError
from qdsl.fx.report import EntryReport, LayerReport, Report
from qdsl.spec import load_spec

SPEC = """qspec 1

model Net(d: int = 8) {
    map = Linear(d -> d)

    entry encode(x: f32[B, d]) { return map(x) }
    entry twice(x: f32[B, d]) { return map(x) |> map }
}

variant small { model = Net() }
"""


@pytest.fixture
def spec(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.qspec").write_text(SPEC)
    return load_spec("net.qspec")


def test_an_error_says_where_and_what_to_write(spec, tmp_path):
    (tmp_path / "net.qspec").write_text(SPEC.replace("return map(x)", "return mapp(x)"))
    with pytest.raises(QdslError) as raised:
        load_spec("net.qspec")
    lines = str(raised.value).splitlines()
    assert lines[0].startswith("net.qspec:6:41: error[Q101] ")
    assert lines[1] == "  help: did you mean `map`?"
    assert len(lines) == 4


def test_a_wrong_variant_names_those_there_are(spec):
    with pytest.raises(KeyError, match="no variant 'smal': there are small"):
        spec.variants["smal"]
    assert spec.variants.get("smal") is None


def test_a_program_without_forward_names_its_entries(spec):
    program = spec.variants["small"].program()
    with pytest.raises(TypeError) as raised:
        program(torch.zeros(1, 8))
    entries = "`program.encode(…)`, `program.twice(…)`"
    assert str(raised.value) == f"`Net` has no entry `forward`; it has {entries}"
    assert {"encode", "twice", "pack", "map"} <= set(dir(program))


def test_values_are_shown_on_one_line(spec):
    variant = spec.variants["small"]
    assert repr(variant) == "<Variant net.qspec#small of Net>"
    size = variant.size()
    assert repr(size) == f"<Report of small: {size.total_bytes:,} B, {len(size.rows)} rows>"
    layer = LayerReport("map", "Linear", True, 0.0, 0.0, True)
    entry = EntryReport("encode", False, 0.5, True)
    assert repr(Report((layer,), ())) == "<Report: 1 layers, 0 entries, all hold>"
    assert repr(Report((layer,), (entry,))) == "<Report: 1 layers, 1 entries, 1 failed>"
