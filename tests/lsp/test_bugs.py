"""A failure of our own is logged and marked, and the next keystroke is looked at afresh."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("pygls")

from lsprotocol import types

from qdsl.lsp.document import Document
from qdsl.lsp.request import Refused, Request
from qdsl.lsp.server import guarded
from qdsl.lsp.session import Session


class Wire:
    """What the server would send."""

    def __init__(self):
        self.said, self.logged = [], []
        self.workspace = SimpleNamespace(position_encoding="utf-16")
        self.client_capabilities = types.ClientCapabilities()

    def text_document_publish_diagnostics(self, params):
        self.said.append([d.message for d in params.diagnostics])

    def window_log_message(self, params):
        self.logged.append(params.message)


@pytest.fixture
def wire():
    return Wire()


def test_a_request_that_fails_has_no_answer(wire):
    request = Request("textDocument/hover", lambda session, params: 1 // 0)
    assert guarded(Session(wire, lambda word: None), request)(None) is None
    assert "ZeroDivisionError" in wire.logged[0]
    assert "bug of qdsl" in wire.logged[0]


def test_a_refusal_is_an_answer(wire):
    def refuse(session, params):
        raise Refused("no")

    request = Request("textDocument/rename", refuse)
    with pytest.raises(Exception, match=r"^no$"):
        guarded(Session(wire, lambda word: None), request)(None)
    assert wire.logged == []


@pytest.mark.asyncio
async def test_a_failing_look_is_marked_and_forgotten(wire, tmp_path: Path, monkeypatch):
    session = Session(wire, lambda word: None)
    monkeypatch.setattr(Document, "judge", lambda *_: 1 // 0)
    uri = (tmp_path / "a.qspec").as_uri()
    text = "qspec 1\n\nmodel M() {\n    entry run(x: f32[B]) { return x }\n}\n"
    session.open(uri, text, 1)
    await asyncio.sleep(0.1)
    assert "ZeroDivisionError" in wire.said[-1][0]
    monkeypatch.undo()
    session.change(uri, [types.TextDocumentContentChangeWholeDocument(text + "\n")], 2)
    await asyncio.sleep(0.1)
    assert wire.said[-1] == []
