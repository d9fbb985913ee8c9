"""Tells data from other data without reading all of it."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

BLOCK, BLOCKS = 4096, 16
"""Bytes of a block, and blocks of a file that are read, spread evenly: corpora are large."""


def fingerprint(files: Iterable[Path]) -> str:
    """SHA-256, 64 digits, over sizes and blocks of the files in their order; names do not count.

    Raises OSError.
    """
    found = sha256()
    for path in files:
        size = path.stat().st_size
        found.update(size.to_bytes(8, "big"))
        with path.open("rb") as file:
            for start in _starts(size):
                file.seek(start)
                found.update(file.read(BLOCK))
    return found.hexdigest()


def _starts(size: int) -> Iterable[int]:
    if size <= BLOCK * BLOCKS:
        return range(0, size, BLOCK)
    return (i * (size - BLOCK) // (BLOCKS - 1) for i in range(BLOCKS))
