"""Reads and writes .qspec text: `parse`, `read`, `format_file`."""

from qdsl.syntax.parser import parse

__all__ = ("parse",)
