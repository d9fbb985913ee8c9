"""Renders diagnostics as a JSON array, for programs."""

from collections.abc import Iterable
from typing import Any

from qdsl.diagnostic.codes import name
from qdsl.diagnostic.model import Diagnostic, Label
from qdsl.source import Span


def json(diagnostics: Iterable[Diagnostic]) -> str:
    """An array of objects with the keys of `_object`; places count from 1, in characters."""
    from json import dumps

    return dumps([_object(d) for d in diagnostics], indent=2, ensure_ascii=False) + "\n"


def _object(diagnostic: Diagnostic) -> dict[str, Any]:
    primary, fix = diagnostic.primary, diagnostic.fix
    return {
        "code": diagnostic.code,
        "name": name(diagnostic.code),
        "severity": str(diagnostic.severity),
        "message": diagnostic.message,
        "primary": _label(primary) if primary else None,
        "secondary": [_label(label) for label in diagnostic.secondary],
        "notes": list(diagnostic.notes),
        "help": diagnostic.help,
        "fix": {**_place(fix.span), "text": fix.text} if fix else None,
    }


def _label(label: Label) -> dict[str, Any]:
    return {**_place(label.span), "text": label.text}


def _place(span: Span) -> dict[str, Any]:
    start, end = span.location, span.source.location(span.end)
    return {
        "file": span.source.name,
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
    }
