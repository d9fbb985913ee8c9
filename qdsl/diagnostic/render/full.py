"""Renders diagnostics in full: message, place, the lines concerned with carets, notes and help."""

from collections.abc import Iterable

from qdsl.diagnostic.model import Diagnostic, Label, Severity
from qdsl.diagnostic.render.excerpt import Excerpt, excerpt, visible
from qdsl.source import Source

RED, YELLOW, BLUE, BOLD, PLAIN = "\x1b[1;31m", "\x1b[1;33m", "\x1b[1;34m", "\x1b[1m", "\x1b[0m"


def full(diagnostics: Iterable[Diagnostic], *, color: bool) -> str:
    """All diagnostics, a blank line between them; `color` adds ANSI escapes."""
    return "\n".join(_Page(diagnostic, color).text() for diagnostic in diagnostics)


class _Page:
    """One diagnostic being laid out."""

    def __init__(self, diagnostic: Diagnostic, color: bool) -> None:
        self.diagnostic = diagnostic
        self.color = color
        self.loud = RED if diagnostic.severity is Severity.ERROR else YELLOW
        primary = (diagnostic.primary,) if diagnostic.primary else ()
        self.labels = (*primary, *diagnostic.secondary)
        lines = [label.span.location.line for label in self.labels]
        self.gutter = len(str(max(lines, default=1)))

    def text(self) -> str:
        d = self.diagnostic
        head = self._paint(self.loud, f"{d.severity}[{d.code}]")
        lines = [head + self._paint(BOLD, f": {visible(d.message)}")]
        for source in dict.fromkeys(label.span.source for label in self.labels):
            lines += self._source(source)
        blank = " " * self.gutter
        if (d.notes or d.help) and self.labels:
            lines.append(self._paint(BLUE, f"{blank} |"))
        for title, text in (*(("note", n) for n in d.notes), ("help", d.help)):
            if text:
                first, *rest = visible(text).split("\n")
                lines.append(
                    f"{self._paint(BLUE, f'{blank} =')} {self._paint(BOLD, title)}: {first}"
                )
                lines += [f"{blank}         {line}" for line in rest]
        return "\n".join(lines) + "\n"

    def _source(self, source: Source) -> list[str]:
        """The lines of one source that labels point at, in order, with the marks below them."""
        labels = [label for label in self.labels if label.span.source is source]
        place = labels[0].span.location
        blank = " " * self.gutter
        arrow = "-->" if labels[0] is self.diagnostic.primary else ":::"
        lines = [
            f"{blank}{self._paint(BLUE, arrow)} {visible(source.name)}:{place.line}:{place.column}",
            self._paint(BLUE, f"{blank} |"),
        ]
        previous = None
        for label in sorted(labels, key=lambda label: label.span.start):
            shown = excerpt(label)
            if shown.number != previous:
                if previous is not None and shown.number > previous + 1:
                    lines.append(self._paint(BLUE, "..."))
                number = self._paint(BLUE, f"{shown.number:>{self.gutter}} |")
                lines.append(f"{number} {shown.text}".rstrip())
            lines.append(f"{self._paint(BLUE, f'{blank} |')} {self._mark(label, shown)}")
            previous = shown.number
        return lines

    def _mark(self, label: Label, shown: Excerpt) -> str:
        is_primary = label is self.diagnostic.primary
        sign, ink = ("^", self.loud) if is_primary else ("-", BLUE)
        marks = sign * (shown.end - shown.start)
        text = f"{marks} {visible(label.text)}".rstrip()
        return " " * shown.start + self._paint(ink, text)

    def _paint(self, ink: str, text: str) -> str:
        return f"{ink}{text}{PLAIN}" if self.color else text
