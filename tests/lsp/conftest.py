"""Drives the real server over stdio, as an editor does: one process for all tests of the folder."""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pygls")

WAIT = 20  # seconds; more is a failure
CAPABILITIES = {"workspace": {"inlayHint": {"refreshSupport": True}}}


class Failed(Exception):
    """The server answered a request with an error."""


class Editor:
    """A client of one server process."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "qdsl", "lsp"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.said: dict[str, queue.Queue[Any]] = {}
        self.answers: queue.Queue[Any] = queue.Queue()
        self.log: list[str] = []
        self.numbers = count(1)
        threading.Thread(target=self._listen, daemon=True).start()
        folders = [{"uri": folder.as_uri(), "name": "specs"}]
        parameters = {"processId": None, "rootUri": None, "capabilities": CAPABILITIES}
        self.capabilities = self.ask("initialize", **parameters, workspaceFolders=folders)
        self.tell("initialized")

    def tell(self, method: str, **params: Any) -> None:
        """Sends a notification."""
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, method: str, **params: Any) -> Any:
        """The result of a request; raises Failed for an error."""
        number = next(self.numbers)
        self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        while (found := self.answers.get(timeout=WAIT))["id"] != number:
            pass
        if "error" in found:
            raise Failed(found["error"]["message"])
        return found["result"]

    def send(self, message: Any) -> None:
        self.write(json.dumps(message).encode())

    def write(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        self.process.stdin.flush()

    def findings(self, uri: str, version: int) -> list[Any]:
        """All findings on that version: the second publication, which knows of budgets."""
        found: list[list[Any]] = []
        while len(found) < 2:
            said = self.said.setdefault(uri, queue.Queue()).get(timeout=WAIT)
            if said.get("version") == version:
                found.append(said["diagnostics"])
        return found[-1]

    def close(self) -> None:
        self.ask("shutdown")
        self.tell("exit")
        self.process.wait(WAIT)

    def _listen(self) -> None:
        assert self.process.stdout
        length = 0
        while header := self.process.stdout.readline():
            name, _, value = header.partition(b":")
            if name == b"Content-Length":
                length = int(value)
            elif not header.strip():
                self._take(json.loads(self.process.stdout.read(length)))

    def _take(self, message: Any) -> None:
        match message.get("method"):
            case None:
                self.answers.put(message)
            case "textDocument/publishDiagnostics":
                said = message["params"]
                self.said.setdefault(said["uri"], queue.Queue()).put(said)
            case "window/logMessage":
                self.log.append(message["params"]["message"])
            case _ if "id" in message:
                self.send({"jsonrpc": "2.0", "id": message["id"], "result": None})


@dataclass
class Document:
    """An open document; places are marked by text: `place("up(x)¦")` is behind the call."""

    editor: Editor
    path: Path
    text: str
    version: int = 1
    uri: str = field(init=False)

    def __post_init__(self) -> None:
        self.uri = self.path.as_uri()
        item = {"uri": self.uri, "languageId": "qspec", "version": 1, "text": self.text}
        self.editor.tell("textDocument/didOpen", textDocument=item)

    def findings(self) -> list[Any]:
        return self.editor.findings(self.uri, self.version)

    def messages(self) -> list[str]:
        """The findings as `line: code message`, lines from 1."""
        return [
            f"{d['range']['start']['line'] + 1}: {d['code']} " + d["message"].partition("\n")[0]
            for d in self.findings()
        ]

    def place(self, marked: str, nth: int = 0) -> dict[str, int]:
        """The place of the `¦` in the text, in the nth occurrence of what is round it."""
        before, bar, after = marked.partition("¦")
        assert bar
        at = -1
        for _ in range(nth + 1):
            at = self.text.index(before + after, at + 1)
        return position(self.text, at + len(before))

    def replace(self, old: str, new: str) -> None:
        """Replaces a text that stands there once, as a change of that range."""
        assert self.text.count(old) == 1
        start = self.text.index(old)
        range = {
            "start": position(self.text, start),
            "end": position(self.text, start + len(old)),
        }
        self.text = self.text.replace(old, new)
        self._change({"range": range, "text": new})

    def write(self, text: str) -> None:
        """Replaces the whole text."""
        self.text = text
        self._change({"text": text})

    def _change(self, change: Any) -> None:
        self.version += 1
        document = {"uri": self.uri, "version": self.version}
        self.editor.tell("textDocument/didChange", textDocument=document, contentChanges=[change])

    def ask(self, method: str, marked: str = "", nth: int = 0, **params: Any) -> Any:
        """The answer of `textDocument/…`, for a place where one is marked."""
        if marked:
            params["position"] = self.place(marked, nth)
        return self.editor.ask(f"textDocument/{method}", textDocument={"uri": self.uri}, **params)

    def at(self, location: Any) -> str:
        """A place of an answer as `file:line:column text`."""
        name = location["uri"].rpartition("/")[2]
        start, end = location["range"]["start"], location["range"]["end"]
        shown = f"{name}:{start['line'] + 1}:{start['character'] + 1}"
        if location["uri"] != self.uri or start["line"] != end["line"]:
            return shown
        line = self.text.split("\n")[start["line"]]
        return f"{shown} {line[start['character'] : end['character']]}"

    def close(self) -> None:
        """Closes it, and waits for the last publication, which takes its findings away."""
        self.editor.tell("textDocument/didClose", textDocument={"uri": self.uri})
        said = self.editor.said.setdefault(self.uri, queue.Queue())
        while "version" in (last := said.get(timeout=WAIT)):
            pass
        assert last["diagnostics"] == []


def position(text: str, offset: int) -> dict[str, int]:
    """Line and column in UTF-16 units."""
    line = text.rfind("\n", 0, offset) + 1
    column = len(text[line:offset].encode("utf-16-le")) // 2
    return {"line": text.count("\n", 0, offset), "character": column}


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "qdsl.toml").touch()
    return folder


@pytest.fixture(scope="session")
def editor(workspace: Path) -> Iterator[Editor]:
    editor = Editor(workspace)
    yield editor
    editor.close()
    assert editor.process.returncode == 0


@pytest.fixture
def document(editor: Editor, workspace: Path) -> Iterator[Callable[..., Document]]:
    """`document(text, name)` opens a text in the editor; it is closed after the test."""
    opened: list[Document] = []

    def make(text: str, name: str = "model.qspec") -> Document:
        opened.append(Document(editor, workspace / name, text))
        return opened[-1]

    yield make
    for each in opened:
        each.close()
    for path in workspace.glob("*.qspec"):
        path.unlink()


@pytest.fixture
def spec() -> str:
    """A small model with a policy, a budget and two variants."""
    return SPEC


SPEC = """\
qspec 1

import std.speech { Joint }

const features = 80

format w4 = int4(group = 64)

## Two linear maps.
block Feed(d: int, expansion: int = 4) {
    norm = LayerNorm(d)
    up = Linear(d -> d * expansion)
    down = Linear(d * expansion -> d)

    forward(x: f32[B, T, d]) -> f32[B, T, d] {
        y = norm(x) |> up |> silu
        return x + down(y)
    }
}

model Net(d: int = 64, layers: int = 3) {
    first = Linear(features -> d)
    blocks = repeat layers { Feed(d, expansion = 2) }
    joint = Joint(d -> 16)

    ## What the device runs.
    entry run(audio: f32[B, T, features]) { return first(audio) |> blocks }

    entry join(f: f32[B, S, d], g: f32[B, P, d]) { return joint(f, g) }
}

policy small for Net {
    default { weights = f32 }
    blocks[*].**:Linear { weights = w4 }
    blocks[0].up { weights = int8 }
}

budget phone {
    size(*) <= 1 MiB
    size(blocks[*].**) <= 200 KiB
    macs(run, B = 1, T = 100) <= 1 G
}

variant wide {
    model = Net(d = 128)
    policy = small
    budget = phone
}

variant narrow extends wide {
    model.layers = 2
}
"""
