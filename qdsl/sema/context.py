"""Collects the findings of one compilation, and counts its work."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from qdsl.diagnostic.model import Diagnostic, error
from qdsl.sema.limits import (
    EXPRESSION,
    MAX_DEPTH,
    MAX_MATCHES,
    MAX_OPERATIONS,
    MAX_PARTS,
    MAX_WORK,
)
from qdsl.source import Source, Span

SHOWN_CALLS = 8  # of a chain, the innermost


class Stop(Exception):
    """Leaves the statement or member at hand; what is wrong has been reported."""


class Context:
    """Diagnostics, each reported once, with the chain of calls that led there."""

    def __init__(self) -> None:
        self.library: set[Source] = set()  # sources of std modules
        self._found: dict[tuple[object, ...], Diagnostic] = {}
        self._chain: list[tuple[Span, str]] = []
        self._work = 0
        self._parts = 0
        self._operations = 0
        self._matches = 0
        self._limits: dict[str, Span] = {}  # where each was reached

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Everything found: files in the order of their first finding, places in that of text."""
        files: dict[object, int] = {}
        placed: list[tuple[int, int, Diagnostic]] = []
        for d in self._found.values():
            source = d.primary.span.source if d.primary else None
            rank = files.setdefault(source, len(files))
            placed.append((rank, d.primary.span.start if d.primary else 0, d))
        return tuple(d for _, _, d in sorted(placed, key=lambda p: p[:2]))

    @property
    def failed(self) -> bool:
        return any(d.is_error for d in self._found.values())

    def report(self, diagnostic: Diagnostic) -> None:
        """Keeps the finding unless that place has one of its code: it is wrong once."""
        if (primary := diagnostic.primary) is None:
            key: tuple[object, ...] = (diagnostic.code, diagnostic.message)
        else:
            key = (diagnostic.code, primary.span.source, primary.span.start, primary.span.end)
        self._found.setdefault(key, diagnostic)

    def stop(
        self,
        code: str,
        message: str,
        span: Span,
        label: str = "",
        *,
        secondary: Iterable[tuple[Span, str]] = (),
        help: str | None = None,
        at_call: bool = False,
    ) -> Stop:
        """Reports an error and gives the exception to raise.

        `at_call`: what is wrong is the innermost call itself, which then needs no mention.
        """
        chain = self._chain[:-1] if at_call else self._chain
        calls = [(place, what) for place, what in reversed(chain[-SHOWN_CALLS:]) if what]
        notes = [*secondary, *calls]
        if span.source in self.library:
            # nobody edits the library: the place is where the spec uses it
            own = next((call for call in calls if call[0].source not in self.library), None)
            if own is not None:
                notes = [(span, label or "here"), *(n for n in notes if n is not own)]
                span, label = own
        self.report(error(code, message, span, label, secondary=notes, help=help))
        return Stop()

    @contextmanager
    def within(self, span: Span, what: str) -> Iterator[None]:
        """Notes that the text at `span` led to what is done now; raises Stop when too deep."""
        if len(self._chain) >= MAX_DEPTH:
            raise self.stop("Q208", f"nested more than {MAX_DEPTH} deep", span, "one too many")
        self._chain.append((span, what))
        try:
            yield
        finally:
            self._chain.pop()

    @contextmanager
    def trial(self) -> Iterator[list[Diagnostic]]:
        """Tries something: what is found meanwhile goes to the list, not to the user."""
        before, dropped = self._found, list[Diagnostic]()
        self._found = dict(before)
        try:
            yield dropped
        finally:
            dropped += [d for k, d in self._found.items() if k not in before]
            self._found = before

    def tick(self, span: Span, cost: int = EXPRESSION) -> None:
        """Counts work; raises Stop beyond the limit."""
        self._work += cost
        if self._work > MAX_WORK:
            help = "loops of `for` and calls are unrolled: make fewer rounds"
            raise self._exhausted("unrolling the functions takes too long", span, help)

    def count_parts(self, parts: int, span: Span) -> None:
        """Counts what a model unrolls to; raises Stop beyond the limit of a file."""
        self._parts += parts
        if self._parts > MAX_PARTS:
            message = f"models unroll to more than {MAX_PARTS:,} layers and weights"
            help = "a file's variants count together: repeat less, or split the file"
            raise self._exhausted(message, span, help)

    def count_operations(self, operations: int, span: Span) -> None:
        """Counts what entries unroll to; raises Stop beyond the limit of a file."""
        self._operations += operations
        if self._operations > MAX_OPERATIONS:
            message = f"entries unroll to more than {MAX_OPERATIONS:,} operations"
            help = "a file's variants count together: repeat less, or split the file"
            raise self._exhausted(message, span, help)

    def count_matches(self, matches: int, span: Span) -> None:
        """Counts what rules match; raises Stop beyond the limit of a file."""
        self._matches += matches
        if self._matches > MAX_MATCHES:
            message = f"rules match more than {MAX_MATCHES:,} times"
            raise self._exhausted(message, span, "write fewer or narrower rules")

    def _exhausted(self, message: str, span: Span, help: str) -> Stop:
        """Reports a limit of the whole compilation where it was reached first."""
        first = self._limits.setdefault(message, span)
        return self.stop("Q208", message, first, help=help)
