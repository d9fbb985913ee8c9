"""Collects the findings of one compilation, and knows its limits."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from qdsl.diagnostic.model import Diagnostic, Edit, error
from qdsl.source import Span

MAX_MODULES = 200_000  # unrolled layers and blocks of a model
MAX_REPEAT = 100_000  # elements of one `repeat`, rounds of one `for`
MAX_STEPS = 2_000_000  # unrolled operations of an entry
MAX_STATEMENTS = 500_000  # statements run while elaborating


class Stop(Exception):
    """Leaves the statement or member at hand; what is wrong has been reported."""


class Context:
    """Diagnostics, each reported once, with the chain of calls that led there."""

    def __init__(self) -> None:
        self._found: dict[tuple[object, ...], Diagnostic] = {}
        self._chain: list[tuple[Span, str]] = []
        self._statements = 0

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        return tuple(self._found.values())

    @property
    def failed(self) -> bool:
        return any(d.is_error for d in self._found.values())

    def report(self, diagnostic: Diagnostic) -> None:
        place = diagnostic.primary.span if diagnostic.primary else None
        where = (place.source.name, place.start, place.end) if place else None
        # a block used twelve times is wrong once
        self._found.setdefault((diagnostic.code, where, diagnostic.message), diagnostic)

    def stop(
        self,
        code: str,
        message: str,
        span: Span,
        label: str = "",
        *,
        secondary: Iterable[tuple[Span, str]] = (),
        help: str | None = None,
        fix: Edit | None = None,
    ) -> Stop:
        """Reports an error and gives the exception to raise."""
        calls = [(s, f"in this call of {what}") for s, what in reversed(self._chain)]
        self.report(
            error(code, message, span, label, secondary=[*secondary, *calls], help=help, fix=fix)
        )
        return Stop()

    def tick(self, span: Span) -> None:
        """Counts a statement; raises Stop beyond the limit."""
        self._statements += 1
        if self._statements > MAX_STATEMENTS:
            message = f"functions run more than {MAX_STATEMENTS} statements"
            raise self.stop("Q208", message, span, help="shorten the loops of `for`")

    @contextmanager
    def calling(self, span: Span, what: str) -> Iterator[None]:
        """Notes a call for as long as its function is elaborated."""
        self._chain.append((span, what))
        try:
            yield
        finally:
            self._chain.pop()
