"""Writes files whole or not at all."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the name `path` when the block ends, and vanishes when it fails.

    A reader, also one after a crash, finds the old content or the new. An existing file keeps its
    permissions, a link its place; a device or a pipe is refused, for it would be gone. Raises
    OSError, which names the file.
    """
    path = path.resolve()
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise OSError(errno.EINVAL, "it is a device or a pipe", str(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with naming(path, temporary):
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileNotFoundError):
                temporary.chmod(path.stat().st_mode & 0o7777)
            temporary.replace(path)
            sync_folder(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def naming(path: Path, instead_of: Path | None = None) -> Iterator[None]:
    """Gives an OSError of the block that names no file, as a full disk's does, this one's name.

    So it does to one that names the other file.
    """
    try:
        yield
    except OSError as failure:
        if failure.filename in (None, instead_of and str(instead_of)):
            failure.filename = str(path)
        raise


def sync_folder(folder: Path) -> None:
    """Makes new names in it survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
