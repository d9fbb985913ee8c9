"""Nothing that a client sends ends the server; our own bugs are told and survived."""

import random

import pytest

PLACES = ("hover", "completion", "definition", "documentHighlight")
OPTIONS = {"tabSize": 4, "insertSpaces": True}


def ask_all(opened, line, character):
    at = {"line": line, "character": character}
    range = {"start": at, "end": at}
    for method in PLACES:
        opened.ask(method, position=at)
    opened.ask("documentSymbol")
    opened.ask("inlayHint", range=range)
    opened.ask("codeAction", range=range, context={"diagnostics": []})
    opened.ask("formatting", options=OPTIONS)


HOSTILE = {
    "nothing": "",
    "no edition": "model M() {}\n",
    "an open string": 'qspec 1\n\nconst a = "',
    "open brackets": "qspec 1\n\nblock A(" + "(" * 500,
    "control characters": "qspec 1\n\x00\x0b\x0c\x1c\u2028\u2029 const a = 1\r\rconst b = a",
    "a lone surrogate": "qspec 1\n\nconst a = \ud800\n",
    "many items of one name": "qspec 1\n" + "const a = 1\n" * 300,
    "a cycle of blocks": "qspec 1\nblock A() { b = B() }\nmodel B() { a = A() }\n",
    "an import of itself": "qspec 1\nimport .model { a }\nconst a = 1\n",
    "a member of itself": "qspec 1\nblock A() { a = a\n forward(x: f32[B]) { return a.a(a.x) } }\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts(document, editor, name):
    text = HOSTILE[name]
    editor.log.clear()
    opened = document(text)
    opened.findings()
    for line in range(min(text.count("\n") + 2, 6)):
        for character in (0, 7, 40):
            ask_all(opened, line, character)
    assert editor.log == []


@pytest.mark.parametrize("seed", range(4))
def test_every_request_at_every_moment(document, editor, spec, seed):
    """Requests on texts that are cut, between keystrokes whose findings nobody waits for."""
    random_ = random.Random(seed)
    editor.log.clear()
    opened = document(spec)
    for _ in range(12):
        start = random_.randrange(len(spec))
        opened.write(spec[:start] + spec[start + random_.randrange(12) :])
        ask_all(opened, random_.randrange(50), random_.randrange(60))
    opened.write(spec)
    assert opened.messages() == []
    assert editor.log == []


def test_places_outside_of_the_text(document, spec):
    opened = document(spec)
    for line, character in ((10**6, 0), (0, 10**6), (9, 2**31 - 1)):
        ask_all(opened, line, character)


def test_changes_outside_of_the_text(document, spec):
    opened = document(spec)
    end = {"line": 10**6, "character": 10**6}
    opened.text += "const z = zz\n"
    opened._change({"range": {"start": end, "end": end}, "text": "const z = zz\n"})
    assert [m.partition(":")[2] for m in opened.messages()] == [" Q101 unknown name `zz`"]


def test_a_document_that_is_not_open(editor):
    where = {"textDocument": {"uri": "file:///nowhere.qspec"}}
    with pytest.raises(Exception, match="not open"):
        editor.ask("textDocument/hover", **where, position={"line": 0, "character": 0})
    editor.tell("textDocument/didClose", **where)


def test_messages_that_are_none(document, editor, spec):
    editor.write(b"{not json")
    editor.write(b'{"jsonrpc": "2.0", "method": "textDocument/didChange", "params": {"a": 1}}')
    editor.tell("no/such/notification")
    with pytest.raises(Exception, match="no/such/request"):
        editor.ask("no/such/request")
    assert document(spec).messages() == []


def test_only_the_last_of_a_burst_is_looked_at(document, spec):
    opened = document(spec)
    opened.findings()
    for i in range(30):
        opened.replace(
            "return x + down(y)" if i % 2 == 0 else "return x + dow(y)",
            "return x + dow(y)" if i % 2 == 0 else "return x + down(y)",
        )
    versions = []
    while not versions or versions[-1] != opened.version:
        versions.append(opened.editor.said[opened.uri].get(timeout=20)["version"])
    assert len(set(versions)) < 15
