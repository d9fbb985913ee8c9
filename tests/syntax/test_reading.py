"""Checks what is said about files that cannot be read."""

import os
from pathlib import Path

import pytest

from qdsl.diagnostic.codes import exit_code
from qdsl.syntax import read


def test_a_file_is_read_under_the_name_given(tmp_path: Path) -> None:
    (tmp_path / "a.qspec").write_bytes("qspec 1  # größer\r\n".encode())
    source, diagnostics = read(tmp_path / "a.qspec", "std/a.qspec")
    assert source
    assert not diagnostics
    assert (source.name, source.text) == ("std/a.qspec", "qspec 1  # größer\r\n")


def refused(path: Path, name: str | None = None) -> tuple[str, str, str | None]:
    source, (diagnostic,) = read(path, name)
    assert source is None
    assert exit_code([diagnostic]) == 2
    return diagnostic.code, diagnostic.message, diagnostic.help


def test_missing(tmp_path: Path) -> None:
    (tmp_path / "model.qspec").touch()
    code, message, help = refused(tmp_path / "modle.qspec", "modle.qspec")
    assert (code, message) == ("Q001", "`modle.qspec` does not exist")
    assert help == "did you mean `model.qspec`?"
    assert refused(tmp_path / "no" / "folder", "f")[1:] == ("`f` does not exist", None)


def test_folder(tmp_path: Path) -> None:
    assert refused(tmp_path, "here")[:2] == ("Q001", "cannot read `here`: is a directory")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_forbidden(tmp_path: Path) -> None:
    (tmp_path / "a.qspec").touch(mode=0)
    assert refused(tmp_path / "a.qspec", "a")[:2] == ("Q001", "cannot read `a`: permission denied")


def test_impossible_name() -> None:
    assert refused(Path("a\0b"), "a")[0] == "Q001"


def test_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "a.qspec").write_bytes(b"qspec 1\n# gr\xfc\xdfe\n")
    code, message, _ = refused(tmp_path / "a.qspec", "a")
    assert (code, message) == ("Q002", "`a` is not UTF-8: byte 0xFC at offset 12, line 2")


def test_too_large(tmp_path: Path) -> None:
    (tmp_path / "a.qspec").write_bytes(b" " * ((1 << 20) + 1))
    assert refused(tmp_path / "a.qspec", "a")[:2] == ("Q003", "`a` is larger than 1 MiB")
