"""Holds what the functions that make nodes may ask and tell."""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from qdsl.diagnostic.model import Diagnostic, error
from qdsl.record import record
from qdsl.source import Span


@record
class Context:
    """`docs` maps the start of an item or member to its documentation."""

    docs: Mapping[int, str]
    diagnostics: list[Diagnostic] = field(default_factory=list)

    def report(self, code: str, message: str, span: Span, label: str = "", *, help: str) -> None:
        self.diagnostics.append(error(code, message, span, label, help=help))

    def doc(self, span: Span) -> str:
        return self.docs.get(span.start, "")


Build = Callable[..., Any]
"""Takes the context, the span, and the children that the grammar keeps."""
