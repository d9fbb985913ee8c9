"""Renders diagnostics as workflow commands of GitHub Actions, which mark the lines of a change.

A line is `::error file=…,line=…,endLine=…,col=…,title=…::message`; what acts on a line or a list of
properties is written by its code (`%0A`).
"""

from collections.abc import Iterable

from qdsl.diagnostic.codes import name
from qdsl.diagnostic.model import Diagnostic
from qdsl.diagnostic.render.excerpt import visible
from qdsl.source import Span

_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def github(diagnostics: Iterable[Diagnostic]) -> str:
    """One command for each diagnostic, each ending in a line feed."""
    return "".join(f"{_command(diagnostic)}\n" for diagnostic in diagnostics)


def _command(d: Diagnostic) -> str:
    properties = _place(d.primary.span) if d.primary else {}
    properties["title"] = f"{d.code} {name(d.code) or ''}".rstrip()
    shown = ",".join(f"{k}={visible(v).translate(_PROPERTY)}" for k, v in properties.items())
    return f"::{d.severity} {shown}::{visible(_message(d)).translate(_DATA)}"


def _place(span: Span) -> dict[str, str]:
    start, end = span.location, span.source.location(span.end)
    place = {
        "file": span.source.name,
        "line": f"{start.line}",
        "endLine": f"{end.line}",
        "col": f"{start.column}",
    }
    # of several lines only the first column means anything
    return place | ({"endColumn": f"{end.column}"} if start.line == end.line else {})


def _message(d: Diagnostic) -> str:
    label = f": {d.primary.text}" if d.primary and d.primary.text else ""
    notes = [f"note: {note}" for note in d.notes]
    return "\n".join([d.message + label, *notes, *([f"help: {d.help}"] if d.help else [])])
