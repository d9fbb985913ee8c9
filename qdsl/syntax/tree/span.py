"""Makes the field that says where a node is written; trees compare without it."""

from dataclasses import field

from qdsl.source import Span


def span() -> Span:
    return field(compare=False, repr=False)  # type: ignore[no-any-return]
