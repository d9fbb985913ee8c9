"""Makes an input smaller for as long as it still shows what was found in it."""

import re
from collections.abc import Callable, Sequence

PIECES = (rb"[^\n]*\n?", rb"\w+|[ \t\r\n]+|(?s:.)", rb"(?s:.)")
"""What is left out at each turn: lines, then words and signs, then bytes."""


def minimise(data: bytes, shows: Callable[[bytes], bool], tries: int = 2000) -> bytes:
    """The smallest input found that still `shows` it, after at most about so many tries."""
    for pattern in PIECES:
        parts: Sequence[bytes] = [part for part in re.findall(pattern, data) if part]
        left = tries
        size = max(1, len(parts) // 2)
        while left > 0 and parts:
            parts, left, removed = _without(parts, size, shows, left)
            if not removed and size == 1:
                break
            size = size if removed and size == 1 else max(1, size // 2)
        data = b"".join(parts)
    return data


def _without(
    parts: Sequence[bytes], size: int, shows: Callable[[bytes], bool], left: int
) -> tuple[Sequence[bytes], int, bool]:
    """The parts without runs of a size that were not needed, the tries left, and if any was."""
    removed, place = False, 0
    while place < len(parts) and left > 0:
        fewer = [*parts[:place], *parts[place + size :]]
        left -= 1
        if shows(b"".join(fewer)):
            parts, removed = fewer, True
        else:
            place += size
    return parts, left, removed
