"""Defines the diagnostic: a value that says what is wrong, where, and what to write instead."""

import re
from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum

from qdsl.record import record
from qdsl.source import Span


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@record
class Label:
    """A place with a few words on what it has to do with the matter."""

    span: Span
    text: str = ""


@record
class Edit:
    """A replacement of the text at `span` that would settle the matter."""

    span: Span
    text: str


@record
class Diagnostic:
    """One finding.

    `message` is a terse phrase, complete alone: lower case, backticks round names, no full stop.
    `primary` is absent only where no text is at fault (a missing file). `help` says what to do,
    `fix` is the same as an edit where one is known.
    """

    code: str
    message: str
    primary: Label | None = None
    secondary: tuple[Label, ...] = ()
    help: str | None = None
    notes: tuple[str, ...] = ()
    severity: Severity = Severity.ERROR
    fix: Edit | None = None

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR


class QdslError(Exception):
    """Carries diagnostics across a call that cannot return a value: user errors, never our bugs."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(f"{d.code}: {d.message}" for d in self.diagnostics))

    def __str__(self) -> str:
        """A line for each diagnostic as `check --format concise` has it, and its help below."""
        from qdsl.diagnostic.render.concise import line

        texts = ((line(d), f"  help: {d.help}" if d.help else "") for d in self.diagnostics)
        return "\n".join(text for pair in texts for text in pair if text)

    def __reduce__(self) -> tuple[type["QdslError"], tuple[tuple[Diagnostic, ...]]]:
        # else it would be made again from its text, when one comes back from a worker
        return type(self), (self.diagnostics,)


def error(
    code: str,
    message: str,
    span: Span | None = None,
    label: str = "",
    *,
    secondary: Iterable[tuple[Span, str]] = (),
    help: str | None = None,
    notes: Iterable[str] = (),
    fix: Edit | None = None,
) -> Diagnostic:
    """An error; `span` None only where no text is at fault. Long names in texts are shortened."""
    return Diagnostic(
        code=code,
        message=_readable(message),
        primary=None if span is None else Label(span, _readable(label)),
        secondary=tuple(Label(s, _readable(t)) for s, t in secondary),
        help=_readable(help) if help else help,
        notes=tuple(map(_readable, notes)),
        fix=fix or _correction(span, help),
    )


def warning(
    code: str, message: str, span: Span, label: str = "", *, help: str | None = None
) -> Diagnostic:
    """A finding that does not stop compilation."""
    found = error(code, message, span, label, help=help)
    return replace(found, severity=Severity.WARNING)


def _correction(span: Span | None, help: str | None) -> Edit | None:
    """The edit of a help that names another word for the one at fault."""
    if span is None or help is None or not (found := _OTHER_WORD.fullmatch(help)):
        return None
    return Edit(span, found[1]) if span.text.isidentifier() else None


_OTHER_WORD = re.compile(r"did you mean `(\w+)`\?")

LONGEST = 80
"""Characters of a text in backticks that are shown; of a longer one, those at its ends."""


def _readable(text: str) -> str:
    """The text with what stands in backticks on one line, and cut down to what one would read."""
    if len(text) <= LONGEST and "\n" not in text:
        return text
    parts = text.split("`")
    return "`".join(_short(part) if i % 2 else part for i, part in enumerate(parts))


def _short(code: str) -> str:
    half, line = LONGEST // 2, " ".join(code.split())
    return line if len(line) <= LONGEST else f"{line[:half]}…{line[-half:]}"
