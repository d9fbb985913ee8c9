"""Reads and writes .qspec text: `read`, `parse`, `format_file`."""

from qdsl.syntax.parser import parse
from qdsl.syntax.reading import read
from qdsl.syntax.tree import File

__all__ = ("format_file", "parse", "read")


def format_file(file: File) -> str:
    """The one layout of a file that was parsed without errors; see `printer.format_file`."""
    from qdsl.syntax import printer  # only `fmt` pays for it

    return printer.format_file(file)
