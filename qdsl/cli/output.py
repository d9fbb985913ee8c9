"""Prints diagnostics and decides colours and the exit status."""

import os
import sys
from collections.abc import Iterable
from typing import TextIO

from qdsl.diagnostic.codes import exit_code
from qdsl.diagnostic.model import Diagnostic
from qdsl.diagnostic.render import concise, full, github, json, sarif

FORMATS = ("full", "concise", "json", "sarif", "github")
"""What `check --format` may be."""

DATA = {"json": json, "sarif": sarif, "github": github}
"""Formats for programs, which go to stdout."""


def use_color(stream: TextIO) -> bool:
    """Colours on a terminal only, and never with NO_COLOR."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def report(diagnostics: Iterable[Diagnostic], format: str = "full") -> int:
    """Prints the findings; returns 0, 1 (errors) or 2 (input/output)."""
    found = sorted(diagnostics, key=_place)
    if write := DATA.get(format):
        sys.stdout.write(write(found))
    elif format == "concise":
        sys.stderr.write(concise(found))
    elif found:
        sys.stderr.write(full(found, color=use_color(sys.stderr)))
    return exit_code(found)


def _place(diagnostic: Diagnostic) -> tuple[str, int]:
    if diagnostic.primary is None:
        return "", 0
    return diagnostic.primary.span.source.name, diagnostic.primary.span.start
