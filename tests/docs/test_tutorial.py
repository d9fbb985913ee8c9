"""Follows docs/tutorial.md: writes its file, makes its edits, and prints what it prints."""

import re
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from qdsl.__main__ import main

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
FENCE = re.compile(r"^```(\w*) ?(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SPEC = Path("slim.qspec")


def test_the_tutorial(tmp_path, monkeypatch, golden):
    """Each block of the page is done in turn; `--update-golden` writes what was printed."""
    monkeypatch.chdir(tmp_path)
    Path("qdsl.toml").touch()
    page = PAGE.read_text(encoding="utf-8")
    printed: list[str] = []

    def follow(fence: re.Match[str]) -> str:
        kind, how, text = fence.groups()
        text = _done(kind, how, text, printed)
        return f"```{kind}{how and ' ' + how}\n{text}```"

    golden(PAGE, FENCE.sub(follow, page))


def _done(kind: str, how: str, text: str, printed: list[str]) -> str:
    """Does what a block of the page says; the block as it should be."""
    match kind, how:
        case "qspec", "draft":
            SPEC.write_text(text)
        case "qspec", "append":
            SPEC.write_text(f"{SPEC.read_text()}\n{text}")
        case "diff", _:
            SPEC.write_text(_edited(SPEC.read_text(), text))
        case "console", _:
            commands = re.findall(r"^\$ qdsl (.*)$", text, re.MULTILINE)
            return "".join(f"$ qdsl {c}\n{_output(c)}" for c in commands)
        case "python", _:
            with redirect_stdout(StringIO()) as out:
                exec(text, {})
            printed.append(out.getvalue())
        case "text", _:
            return printed.pop()
        case _:
            raise AssertionError(f"a block of {kind} {how}")
    return text


def _edited(text: str, diff: str) -> str:
    """The text with the lines of each hunk replaced; every one stands there once."""
    for hunk in re.findall(r"(?:^[ -].*\n)*(?:^\+.*\n)+", diff, re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] != "+")
        assert text.count(old) == 1, old
        text = text.replace(old, "".join(line[1:] for line in lines if line[0] != "-"))
    return text


def _output(command: str) -> str:
    """What the command prints, of diagnostics and data together; `| head -1` is known."""
    command, _, first = command.partition(" | head -")
    with StringIO() as both, redirect_stdout(both), redirect_stderr(both):
        main(command.split())
        lines = both.getvalue().splitlines(keepends=True)
    return "".join(lines[: int(first)] if first else lines)
