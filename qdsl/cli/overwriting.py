"""Says where a command would write over what it reads, or twice to one file."""

from collections.abc import Iterable
from pathlib import Path


def overwrites(written: Iterable[Path | None], given: Iterable[Path | None]) -> str | None:
    """What is wrong where a file that is written is one of those given, or written already."""
    known = {path.resolve(): "read and written" for path in given if path}
    for path in written:
        if path is None:
            continue
        if use := known.get(path.resolve()):
            return f"`{path}` would be {use}"
        known[path.resolve()] = "written twice"
    return None
