"""Provokes what is found before a spec is understood: bytes, lengths and depths of a file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from qdsl import load_spec

FILES = {
    "Q002": b'qspec 1\n\nconst name = "gr\xfc\xdfe"\n',
    "Q003": b"qspec 1\n" + b" " * (1 << 20),
    "Q017": b"qspec 1\n\nconst deep = " + b"(" * 101 + b"1" + b")" * 101 + b"\n",
    "Q020": b"qspec 1\n\n" + b"$\n" * 101,
}


@pytest.mark.parametrize("code", FILES)
def test_files(code: str, refused: Callable[..., None]) -> None:
    Path("net.qspec").write_bytes(FILES[code])
    refused(code, lambda: load_spec("net.qspec"))
