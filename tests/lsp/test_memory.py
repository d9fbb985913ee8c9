"""What one compilation leaves for the next is what rests on no item that changed."""

from pathlib import Path

import pytest

pytest.importorskip("pygls")

from qdsl.lsp.document import Document
from qdsl.lsp.files import Files
from qdsl.lsp.text import Text

TWO = """\
qspec 1

block Left(d: int) {
    m = Linear(d -> d)
    forward(x: f32[B, d]) -> f32[B, d] { return m(x) }
}

block Right(d: int) {
    m = LayerNorm(d)
    forward(x: f32[B, d]) -> f32[B, d] { return m(x) }
}

model M(d: int = 8) {
    a = Left(d)
    entry f(x: f32[B, d]) { return a(x) }
}

model N(d: int = 8) {
    b = Right(d)
    entry f(x: f32[B, d]) { return b(x) }
}

policy p { default { weights = int8 } }

variant first { model = M() }
variant second { model = N() }
variant third extends second { policy = p }
"""


@pytest.fixture
def document(tmp_path: Path) -> Document:
    made = Document("", tmp_path / "a.qspec", Text(TWO), 1, Files())
    edit(made, "", "")
    return made


def edit(document: Document, old: str, new: str) -> dict[str, object]:
    """The variants after a change; equal ones are the same value."""
    document.text = Text(document.text.text.replace(old, new, 1))
    document.files.buffers[document.path] = document.text.text
    document.forget()
    return dict(document.analyse().compiled.variants)


@pytest.mark.parametrize(
    ("old", "new", "remade"),
    [
        ("Linear(d -> d)", "Linear(d -> d, bias = false)", {"first"}),
        ("LayerNorm(d)", "LayerNorm(d, 1e-6)", {"second", "third"}),
        ("weights = int8", "weights = int4", {"third"}),
        ("model = N()", "model = N(16)", {"second", "third"}),
        ("# nothing", "", set()),
        ("block Left", "# a comment\n\nblock Left", {"first"}),
    ],
)
def test_only_what_rests_on_the_item_is_made_anew(document, old, new, remade):
    before = dict(document.analyse().compiled.variants)
    after = edit(document, old, new)
    assert {name for name in after if after[name] is not before[name]} == remade


def test_what_was_wrong_is_found_again(document):
    edit(document, "return m(x) }\n}\n\nblock Right", "return mm(x) }\n}\n\nblock Right")
    first = document.analyse().compiled.diagnostics
    edit(document, "variant first ", "variant other ")
    second = document.analyse().compiled.diagnostics
    assert [d.message for d in first] == [d.message for d in second] == ["unknown name `mm`"]


def test_a_name_that_comes_to_be_counts(document):
    edit(document, "weights = int8", "weights = w8")
    assert not document.analyse().ok
    edit(document, "policy p", "format w8 = int8\n\npolicy p")
    assert document.analyse().ok


def test_a_name_that_comes_to_mean_another_thing_counts(document):
    before = dict(document.analyse().compiled.variants)
    after = edit(
        document,
        "model M",
        "block Linear(a: int, b: int) {\n    n = LayerNorm(a)\n"
        "    forward(x: f32[B, a]) -> f32[B, a] { return n(x) }\n}\n\nmodel M",
    )
    assert after["first"] is not before["first"]
    assert [s.path for s in after["first"].model.storages] == ["a.m.n.weight", "a.m.n.bias"]
