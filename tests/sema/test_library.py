"""Blocks of the library that are not imported are found by name, and their import is an edit."""

from collections.abc import Callable

import pytest

from qdsl.sema.compile import Compiled
from qdsl.sema.habits import NAMES
from qdsl.sema.language import language_name
from qdsl.sema.library import library_modules

NET = """
block Net(d: int) {
    feed = GatedFeedForward(d, 2 * d)

    forward(x: f32[B, T, d]) -> f32[B, T, d] {
        return feed(x)
    }
}
"""
USE = """
block Use(d: int) {
    feed = FeedForward(d, 2 * d)

    forward(x: f32[B, T, d]) -> f32[B, T, d] {
        return feed(x)
    }
}
"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (NET, "import std.feedforward { GatedFeedForward }"),
        (
            "import std.feedforward { FeedForward }\n" + NET + USE,
            "import std.feedforward { FeedForward, GatedFeedForward }",
        ),
        (
            "import std.attention { CausalMask }\n" + NET + "block A() { mask = CausalMask() }\n",
            "import std.feedforward { GatedFeedForward }",
        ),
    ],
    ids=["no import", "an import of the module", "another import"],
)
def test_the_edit_imports_the_block(
    compiled: Callable[..., Compiled], text: str, line: str
) -> None:
    (found,) = compiled(text).diagnostics
    assert found.code == "Q101"
    assert found.fix
    source, span = found.fix.span.source, found.fix.span
    edited = source.text[: span.start] + found.fix.text + source.text[span.end :]
    assert line in edited.split("\n")
    assert compiled(edited.removeprefix("qspec 1")).diagnostics == ()


def test_names_of_pytorch_stand_for_nothing_here() -> None:
    assert not [name for name in NAMES if language_name(name, None) or name in library_modules()]
