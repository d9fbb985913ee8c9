"""Reads .qspec files from disk, with what can go wrong as diagnostics."""

import os

from qdsl.diagnostic.model import Diagnostic, error
from qdsl.source import Source

SIZE_LIMIT = 1 << 20
"""Bytes of the largest file that is read: 1 MiB."""


def read(
    path: str | os.PathLike[str], name: str | None = None
) -> tuple[Source | None, tuple[Diagnostic, ...]]:
    """The text of a file, under its path or the name given; or why it cannot be read."""
    shown = name or os.fspath(path)
    try:
        # a pipe that nobody writes to would be waited for
        if os.path.exists(path) and not os.path.isdir(path) and not os.path.isfile(path):
            return None, (error("Q001", f"cannot read `{shown}`: not a regular file"),)
        with open(path, "rb") as file:
            data = file.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        return None, (error("Q001", f"`{shown}` does not exist", help=_nearest(path, shown)),)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        return None, (error("Q001", f"cannot read `{shown}`: {reason.lower()}"),)
    if len(data) > SIZE_LIMIT:
        return None, (oversized(shown),)
    try:
        return Source(shown, data.decode("utf-8")), ()
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        found = f"byte 0x{data[problem.start]:02X} at offset {problem.start}, line {line}"
        help = "save the file as UTF-8"
        return None, (error("Q002", f"`{shown}` is not UTF-8: {found}", help=help),)


def oversized(name: str) -> Diagnostic:
    help = "split it, and import the parts"
    return error("Q003", f"`{name}` is larger than {SIZE_LIMIT >> 20} MiB", help=help)


def _nearest(path: str | os.PathLike[str], shown: str) -> str | None:
    """A file of a similar name in the same folder, called as `shown` calls it."""
    from qdsl.diagnostic.suggest import did_you_mean

    folder, file = os.path.split(os.fspath(path))
    try:
        near = did_you_mean(file, os.listdir(folder or "."))
    except OSError:
        return None
    return f"did you mean `{os.path.join(os.path.dirname(shown), near)}`?" if near else None
