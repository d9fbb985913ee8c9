"""Times the language server as an editor meets it: the real process, over stdin and stdout.

A keystroke writes one character into the body of a block, another block each time, and takes it
back with the next. `keystroke` is the time until the findings on names, shapes and policies arrive,
`settled` until those on kernels and budgets of every variant have been looked at too.
"""

import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from frontend import quartiles
from long_spec import long_spec
from machine import keep
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import track
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
LINES = 1000
ROUNDS = 60
HOVER, COMPLETION = "textDocument/hover", "textDocument/completion"
BODY, MEMBER, RULE = "        return ", "    norm = Layer", "    encoder."


@dataclass(frozen=True, slots=True)
class Row:
    """Seconds of one kind of request; quartiles show the spread."""

    request: str
    median: float
    quartiles: tuple[float, float]
    worst: float


class Client:
    """A client of one server process, which has one document open."""

    def __init__(self, uri: str, text: str) -> None:
        command = [sys.executable, "-m", "qdsl", "lsp"]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.uri, self.version, self.ids = uri, 1, itertools.count(1)
        self.request("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        self.notify("initialized", {})
        document = {"uri": uri, "languageId": "qspec", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})

    def notify(self, method: str, params: Any) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def request(self, method: str, params: Any) -> Any:
        """The result of a request; notifications meanwhile are dropped."""
        number = next(self.ids)
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        while (found := self._receive()).get("id") != number:
            pass
        if "error" in found:
            raise RuntimeError(found["error"])
        return found["result"]

    def change(self, line: int, column: int, old: int, text: str) -> None:
        """Replaces `old` characters at a place."""
        self.version += 1
        start, end = {"line": line, "character": column}, {"line": line, "character": column + old}
        change = {"range": {"start": start, "end": end}, "text": text}
        document = {"uri": self.uri, "version": self.version}
        self.notify(
            "textDocument/didChange", {"textDocument": document, "contentChanges": [change]}
        )

    def findings(self) -> list[dict[str, Any]]:
        """Those of the next publication for the latest version."""
        while True:
            found = self._receive()
            if found.get("method") == "textDocument/publishDiagnostics":
                params: dict[str, Any] = found["params"]
                if params.get("version") == self.version:
                    return list(params["diagnostics"])

    def close(self) -> None:
        self.request("shutdown", None)
        self.notify("exit", None)
        self.process.wait(10)

    def _send(self, message: Any) -> None:
        assert self.process.stdin
        data = json.dumps(message).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        self.process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self.process.stdout
        length = 0
        while header := self.process.stdout.readline().strip():
            if header.lower().startswith(b"content-length:"):
                length = int(header.partition(b":")[2])
        found: dict[str, Any] = json.loads(self.process.stdout.read(length))
        return found


def places(text: str, marker: str) -> Iterator[tuple[int, int]]:
    """Line and column behind each marker, again and again."""
    lines = text.splitlines()
    found = [(i, len(marker)) for i, line in enumerate(lines) if line.startswith(marker)]
    return itertools.cycle(found)


def keystrokes(client: Client, text: str) -> tuple[list[float], list[float]]:
    """Times to the first and to the last findings, in a body that stays valid."""
    first, last = [], []
    # a blank more or less changes the item, not what it means
    spots = places(text, BODY)
    for _ in track(range(ROUNDS), "typing", console=Console(stderr=True), transient=True):
        line, column = next(spots)
        for old, new in ((0, " "), (1, "")):
            begin = time.perf_counter()
            client.change(line, column, old, new)
            assert client.findings() == []
            first.append(time.perf_counter() - begin)
            assert client.findings() == []
            last.append(time.perf_counter() - begin)
    return first, last


def mistakes(client: Client, text: str, typed: str) -> list[float]:
    """Times to the first finding on what makes the body wrong, as while one types it."""
    found = []
    spots = places(text, BODY)
    for _ in range(ROUNDS // 2):
        line, column = next(spots)
        begin = time.perf_counter()
        client.change(line, column, 0, typed)
        assert client.findings()
        found.append(time.perf_counter() - begin)
        client.change(line, column, 1, "")
        while client.findings():
            pass
        client.findings()
    return found


def requests(client: Client, text: str, method: str, marker: str) -> list[float]:
    """Times of a request at the markers."""
    found = []
    spots = places(text, marker)
    for _ in range(ROUNDS):
        line, column = next(spots)
        position = {"line": line, "character": column}
        begin = time.perf_counter()
        client.request(method, {"textDocument": {"uri": client.uri}, "position": position})
        found.append(time.perf_counter() - begin)
    return found


def row(name: str, times: Iterable[float]) -> Row:
    times = sorted(times)
    return Row(name, statistics.median(times), quartiles(times), times[-1])


def measure() -> list[Row]:
    text = long_spec(LINES)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "long.qspec"
        path.write_text(text)
        begin = time.perf_counter()
        client = Client(path.as_uri(), text)
        assert client.findings() == []
        opened = time.perf_counter() - begin
        assert client.findings() == []
        try:
            keystroke, settled = keystrokes(client, text)
            rows = [
                row("open", [opened, opened]),
                row("keystroke", keystroke),
                row("settled", settled),
                row("keystroke, an unknown name", mistakes(client, text, "q")),
                row("keystroke, an open bracket", mistakes(client, text, "(")),
                row("hover", requests(client, text, "textDocument/hover", MEMBER)),
                row(
                    "completion of a path", requests(client, text, "textDocument/completion", RULE)
                ),
                row(
                    "completion in a body", requests(client, text, "textDocument/completion", BODY)
                ),
            ]
            client.close()
        finally:
            client.process.kill()
    return rows


def show(rows: Iterable[Row]) -> None:
    table = Table(box=SIMPLE, title=f"{LINES:,} lines, ms: median, quartiles, worst of {ROUNDS}")
    for heading in ("request", "median", "quartiles", "worst"):
        table.add_column(heading, justify="left" if heading == "request" else "right")
    for r in rows:
        spread = "{:.1f}..{:.1f}".format(*(1e3 * q for q in r.quartiles))
        table.add_row(r.request, f"{1e3 * r.median:.1f}", spread, f"{1e3 * r.worst:.1f}")
    Console().print(table)


def main() -> None:
    rows = measure()
    show(rows)
    keep(
        "editor",
        {
            "lines": LINES,
            "rounds": ROUNDS,
            "rows": [asdict(r) for r in rows],
        },
    )


if __name__ == "__main__":
    main()
