"""Formats files, looks at them only, and fails to write them."""

import os

import pytest

WILD = """qspec 1
const   a=1 # why
model Net(d:int=4){ out=Linear(d->2)
entry run(x:f32[B,d]){return out(x)} }
"""
NEAT = """qspec 1

const a = 1  # why

model Net(d: int = 4) {
    out = Linear(d -> 2)
    entry run(x: f32[B, d]) { return out(x) }
}
"""


@pytest.fixture
def wild(folder):
    path = folder / "wild.qspec"
    path.write_text(WILD)
    return path


def test_writes_the_one_layout(qdsl, wild):
    found = qdsl("fmt", "wild.qspec")
    assert (found.status, found.out, found.err) == (0, "reformatted wild.qspec\n", "")
    assert wild.read_text() == NEAT
    assert qdsl("fmt", "wild.qspec").out == ""


def test_check_writes_nothing(qdsl, wild):
    found = qdsl("fmt", "--check", "wild.qspec", "net.qspec")
    assert (found.status, found.out) == (1, "would reformat wild.qspec\n")
    assert wild.read_text() == WILD
    assert qdsl("fmt", "--check", "net.qspec", "parts.qspec").status == 0


def test_diff_writes_nothing(qdsl, wild):
    found = qdsl("fmt", "--diff", "wild.qspec")
    assert found.status == 1
    assert found.out.startswith("--- wild.qspec\n+++ wild.qspec\n")
    assert "-const   a=1 # why\n" in found.out
    assert "+const a = 1  # why\n" in found.out
    assert wild.read_text() == WILD


def test_check_and_diff_exclude_each_other(qdsl, wild):
    assert qdsl("fmt", "--check", "--diff", "wild.qspec").status == 2


def test_permissions_and_links_stay(qdsl, wild, folder):
    wild.chmod(0o640)
    (folder / "link.qspec").symlink_to(wild)
    assert qdsl("fmt", "link.qspec").status == 0
    assert wild.stat().st_mode & 0o7777 == 0o640
    assert (folder / "link.qspec").is_symlink()
    assert wild.read_text() == NEAT


def test_a_file_with_errors_is_left_alone(qdsl, wild, folder):
    bad = folder / "bad.qspec"
    bad.write_text("qspec 1\nmodel Net( {\n")
    found = qdsl("fmt", "bad.qspec", "wild.qspec")
    assert found.status == 1
    assert "error[Q0" in found.err
    assert bad.read_text() == "qspec 1\nmodel Net( {\n"
    assert wild.read_text() == NEAT


def test_the_worst_status_counts(qdsl, wild):
    assert qdsl("fmt", "--check", "wild.qspec", "none.qspec").status == 2


def test_a_full_disk_leaves_the_file(qdsl, wild, folder, monkeypatch):
    before = sorted(p.name for p in folder.iterdir())

    def full(descriptor):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    found = qdsl("fmt", "wild.qspec")
    assert found.status == 2
    assert "cannot write `wild.qspec`: no space left on device" in found.err
    assert wild.read_text() == WILD
    assert sorted(p.name for p in folder.iterdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_may_not_be_written(qdsl, wild, folder):
    folder.chmod(0o555)
    try:
        found = qdsl("fmt", "wild.qspec")
    finally:
        folder.chmod(0o755)
    assert found.status == 2
    assert "cannot write `wild.qspec`: permission denied" in found.err
    assert wild.read_text() == WILD
