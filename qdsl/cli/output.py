"""Prints diagnostics to stderr and decides colours and the exit status."""

import os
import sys
from collections.abc import Iterable
from typing import TextIO

from qdsl.diagnostic.codes import exit_code
from qdsl.diagnostic.model import Diagnostic
from qdsl.diagnostic.render import concise, full, json


def use_color(stream: TextIO) -> bool:
    """Colours on a terminal only, and never with NO_COLOR."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def report(diagnostics: Iterable[Diagnostic], format: str = "full") -> int:
    """Prints the findings; returns 0, 1 (errors) or 2 (input/output)."""
    found = sorted(diagnostics, key=_place)
    if found or format == "json":
        stream = sys.stdout if format == "json" else sys.stderr
        stream.write(_render(found, format, use_color(stream)))
    return exit_code(found)


def _place(diagnostic: Diagnostic) -> tuple[str, int]:
    if diagnostic.primary is None:
        return "", 0
    return diagnostic.primary.span.source.name, diagnostic.primary.span.start


def _render(found: list[Diagnostic], format: str, color: bool) -> str:
    match format:
        case "concise":
            return concise(found)
        case "json":
            return json(found)
        case _:
            return full(found, color=color)
