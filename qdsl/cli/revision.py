"""Reads specs as they were at a git revision, imports at the same revision."""

import subprocess
from pathlib import Path

from qdsl.diagnostic.model import Diagnostic, error
from qdsl.sema.files import STD, Read
from qdsl.source import Source
from qdsl.syntax import read


def at_revision(revision: str) -> Read:
    """A reader of that revision; std modules are those of the installed version."""

    def reader(path: Path, name: str) -> tuple[Source | None, tuple[Diagnostic, ...]]:
        if path.is_relative_to(STD):
            return read(path, name)
        shown = subprocess.run(
            ["git", "show", f"{revision}:./{path.name}"],
            cwd=path.parent,
            capture_output=True,
            check=False,
        )
        if shown.returncode:
            why = shown.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
            return None, (error("Q001", f"cannot read `{revision}:{path.name}`: {why}"),)
        try:
            return Source(f"{revision}:{name}", shown.stdout.decode()), ()
        except UnicodeDecodeError as wrong:
            return None, (error("Q002", f"`{revision}:{name}` is not UTF-8 at byte {wrong.start}"),)

    return reader
