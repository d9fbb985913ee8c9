"""Offsets and positions of a text are each other's inverse, whatever stands in it."""

import pytest

pytest.importorskip("pygls")

from hypothesis import given, settings
from hypothesis import strategies as st
from lsprotocol import types

from qdsl.lsp.text import Encoding, Text

TEXTS = st.text(alphabet="aé𝒳\u2028\x0b\n\r ", max_size=30)
ENCODINGS = st.sampled_from([Encoding.Utf8, Encoding.Utf16, Encoding.Utf32])


@settings(max_examples=80, deadline=None)
@given(TEXTS, ENCODINGS, st.data())
def test_there_and_back(text, encoding, data):
    at = data.draw(st.integers(0, len(text)))
    if text[at - 1 : at + 1] == "\r\n":
        at -= 1  # no editor has a cursor between
    found = Text(text, encoding)
    assert found.offset(found.position(at)) == at


@settings(max_examples=80, deadline=None)
@given(TEXTS, ENCODINGS, st.data())
def test_a_change_is_a_slice(text, encoding, data):
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    if "\r" in text:
        return
    before = Text(text, encoding)
    change = types.TextDocumentContentChangePartial(before.range(start, end), "b\n𝒳")
    assert before.changed([change]).text == text[:start] + "b\n𝒳" + text[end:]


def test_half_a_character_is_not_reached():
    assert Text("a𝒳b").offset(types.Position(0, 2)) == 1
    assert Text("a𝒳b").offset(types.Position(0, 3)) == 2


def test_lines_end_as_the_protocol_has_it():
    assert Text("a\nb\r\nc\rd\u2028e").starts == (0, 2, 5, 7)
