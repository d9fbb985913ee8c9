"""Reads text as bytes: what is trained on, and the last part, which is not."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from qdsl.diagnostic.model import QdslError, error

SUFFIXES = (".txt", ".md")
HELD_OUT = 20
"""One of that many bytes, the last of the text, is kept for the evaluation."""


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """Bytes u8[N] to train on, and others to evaluate on."""

    trained: Tensor
    held_out: Tensor


def suffixes_of(options: Mapping[str, str]) -> tuple[str, ...]:
    """Endings of the files that are read."""
    suffix = options.get("suffix")
    return (suffix,) if suffix else SUFFIXES


def text_files(data: Path, suffixes: tuple[str, ...] = SUFFIXES) -> list[Path]:
    """The file, or the files of the folder in the order of their paths; raises QdslError (Q731)."""
    paths = [data] if data.is_file() else sorted(p for p in data.rglob("*") if p.is_file())
    found = [p for p in paths if p == data or p.suffix in suffixes]
    if not found:
        message = f"`{data}` has no text"
        help = f"task `language` reads files that end in {' or '.join(suffixes)}"
        raise QdslError([error("Q731", message, help=help)])
    return found


def read_text(data: Path, context: int, suffixes: tuple[str, ...] = SUFFIXES) -> Text:
    """The bytes of the `text_files`.

    Raises QdslError (Q731) where there is none, or too little for one context to evaluate on;
    OSError.
    """
    content = b"".join(p.read_bytes() for p in text_files(data, suffixes))
    needed = HELD_OUT * (context + 1)
    if len(content) < needed:
        message = f"`{data}` has {len(content)} bytes, too few for a context of {context}"
        raise QdslError([error("Q731", message, help=f"give at least {needed}")])
    ids = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    last = len(ids) // HELD_OUT
    return Text(ids[:-last], ids[-last:])
