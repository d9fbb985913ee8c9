"""Takes one input through parse, fmt, check and size, and says what is not as promised."""

import re
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from types import FrameType
from typing import TypeVar

from qdsl.diagnostic import codes, render
from qdsl.diagnostic.model import Diagnostic, QdslError
from qdsl.size.report import to_json
from qdsl.size.text import report_text
from qdsl.spec import Spec, check_spec
from qdsl.syntax import format_file, parse, read, tree
from qdsl.why import why
from tests.fuzz.laws import broken

SECONDS = 1.0
"""What one stage may take of the processor."""

MEMORY = 500 * 10**6
"""Bytes that the whole process may hold."""

LONGEST = 400
"""Characters of a message that one can read."""

INSIDE = re.compile(r"\w+Value\(|Span\(|Name\(text=|object at 0x|<class")
"""What no user should read."""

T = TypeVar("T")
KNOWN = frozenset(codes.names())


class TooLong(BaseException):
    """A stage that takes longer than it may; no `except Exception` may keep it."""


@dataclass
class Outcome:
    """What one input did.

    `codes` are those found, `seconds` those of the slowest stage, `peak` the bytes that the process
    held at most so far. `findings` are broken promises, each a line that names the kind, and more.
    """

    codes: tuple[str, ...] = ()
    seconds: float = 0.0
    stage: str = ""
    peak: int = 0
    compiled: bool = False
    findings: list[str] = field(default_factory=list)


def probe(data: bytes, folder: Path) -> Outcome:
    """The outcome of an input, which is written to a file of the folder."""
    outcome = Outcome()
    path = folder / "input.qspec"
    path.write_bytes(data)
    file = _stage(outcome, "parse", lambda: _parse(path, outcome))
    if file is not None:
        _stage(outcome, "fmt", lambda: outcome.findings.extend(f"fmt: {b}" for b in broken(file)))
    spec = _stage(outcome, "check", lambda: _check(path, outcome))
    if spec is not None and spec.compiled.ok:
        outcome.compiled = True
        sizes = _stage(outcome, "size", lambda: _size(spec, outcome))
        if file is not None and sizes is not None:
            again = _stage(outcome, "check of the formatted text", lambda: _again(file, path))
            if again is not None:
                _stage(outcome, "fmt and size", lambda: _same_size(again, sizes, outcome))
    outcome.codes = tuple(sorted(set(outcome.codes)))
    outcome.peak = _peak()
    return outcome


def _peak() -> int:
    """Most bytes that this process held; `getrusage` tells its parent's, where that held more."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _stage(outcome: Outcome, name: str, run: Callable[[], T]) -> T | None:
    """What the stage gives; None, and a finding, where it crashes or takes too much."""
    begin, result = process_time(), None
    try:
        with _deadline(SECONDS):
            result = run()
    except TooLong as late:
        outcome.findings.append(f"{name}: takes too long\n{_where(late)}")
    except MemoryError as full:
        outcome.findings.append(f"{name}: takes too much memory\n{_where(full)}")
    except Exception as crash:
        outcome.findings.append(f"{name}: {type(crash).__name__} {crash}\n{_where(crash)}")
    seconds = process_time() - begin
    if seconds > outcome.seconds:
        outcome.seconds, outcome.stage = seconds, name
    return result


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    return "\n".join(f"  {Path(f.filename).name}:{f.lineno} {f.name}" for f in frames)


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Raises TooLong after so much time of the processor; only in the main thread."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooLong

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _parse(path: Path, outcome: Outcome) -> tree.File | None:
    """The tree of the text, None where it has errors."""
    source, found = read(path, path.name)
    _judge(found, outcome)
    if source is None:
        return None
    file, found = parse(source)
    _judge(found, outcome)
    return None if found else file


def _check(path: Path, outcome: Outcome) -> Spec:
    spec = check_spec(path)
    _judge(spec.diagnostics, outcome)
    if not spec.compiled.ok and not any(d.is_error for d in spec.diagnostics):
        outcome.findings.append("check: fails without an error")
    return spec


def _size(spec: Spec, outcome: Outcome) -> list[object]:
    """What is said of the size of each variant, the same for the same spec."""
    sizes: list[object] = []
    for variant in spec.variants.values():
        try:
            report = variant.size()
            report_text(report)
            sizes.append((variant.name, report.total_bytes, to_json(report)["rows"]))
            _judge(variant.findings(), outcome)
            for storage in variant.source.storages[:2]:
                why(variant, storage.path)
        except QdslError as failure:
            _judge(failure.diagnostics, outcome)
    return sizes


def _again(file: tree.File, path: Path) -> Spec:
    path.write_text(format_file(file), encoding="utf-8")
    return check_spec(path)


def _same_size(again: Spec, sizes: list[object], outcome: Outcome) -> None:
    if not again.compiled.ok or _size(again, Outcome()) != sizes:
        outcome.findings.append("fmt: the formatted spec has another size")


def _judge(found: Iterable[Diagnostic], outcome: Outcome) -> None:
    """Notes the codes of diagnostics, and what is wrong with them."""
    diagnostics = tuple(found)
    outcome.codes += tuple(d.code for d in diagnostics)
    for d in diagnostics:
        outcome.findings += (f"diagnostic: {d.code} {flaw}" for flaw in _flaws(d))
    codes.exit_code(diagnostics)
    render.full(diagnostics, color=True)
    for name in render.__all__:
        if name != "full":
            getattr(render, name)(diagnostics)


def _flaws(d: Diagnostic) -> Iterator[str]:
    if d.code not in KNOWN:
        yield "is in no manual"
    labels = (*((d.primary,) if d.primary else ()), *d.secondary)
    texts = (d.message, *(label.text for label in labels), *d.notes, d.help or "")
    spans = [label.span for label in labels] + ([d.fix.span] if d.fix else [])
    if not all(0 <= s.start <= s.end <= len(s.source.text) for s in spans):
        yield "points outside of the text"
    if not d.message or len(max(texts, key=len)) > LONGEST or "\n" in d.message:
        yield "has a message that one cannot read"
    if any(map(INSIDE.search, texts)):
        yield "shows the inside of a value"
