"""Reads specs as they were at a git revision, imports at the same revision."""

import subprocess
from os.path import relpath
from pathlib import Path

from qdsl.diagnostic.model import Diagnostic, error
from qdsl.sema.files import STD, Read
from qdsl.source import Source
from qdsl.syntax import read
from qdsl.syntax.reading import SIZE_LIMIT, oversized


def at_revision(revision: str) -> Read:
    """A reader of that revision; std modules are those of the installed version."""

    def reader(path: Path, name: str) -> tuple[Source | None, tuple[Diagnostic, ...]]:
        if path.is_relative_to(STD):
            return read(path, name)
        shown = f"{revision}:{name}"
        # the folder may be gone since
        folder = next(p for p in path.parents if p.is_dir())
        found = subprocess.run(
            ["git", "show", "--end-of-options", f"{revision}:./{relpath(path, folder)}"],
            cwd=folder,
            capture_output=True,
            check=False,
        )
        if found.returncode:
            why = found.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
            return None, (error("Q001", f"cannot read `{shown}`: {why}"),)
        if len(found.stdout) > SIZE_LIMIT:
            return None, (oversized(shown),)
        try:
            return Source(shown, found.stdout.decode()), ()
        except UnicodeDecodeError as wrong:
            return None, (error("Q002", f"`{shown}` is not UTF-8 at byte {wrong.start}"),)

    return reader
