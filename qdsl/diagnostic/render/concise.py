"""Renders each diagnostic as one line: `file:line:column: error[Q201] message`."""

from collections.abc import Iterable

from qdsl.diagnostic.model import Diagnostic
from qdsl.diagnostic.render.excerpt import visible


def concise(diagnostics: Iterable[Diagnostic]) -> str:
    """One line for each diagnostic, each ending in a line feed."""
    return "".join(f"{line(diagnostic)}\n" for diagnostic in diagnostics)


def line(diagnostic: Diagnostic) -> str:
    """The line of one diagnostic, without a line feed."""
    text = f"{diagnostic.severity}[{diagnostic.code}] {diagnostic.message}"
    if diagnostic.primary:
        span = diagnostic.primary.span
        text = f"{span.source.name}:{span.location.line}:{span.location.column}: {text}"
    return visible(text)
