"""Looks into packed files, sound ones and damaged ones, without torch."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from qdsl.artifact.certificate import Certificate
from qdsl.artifact.container import read, seal, write
from qdsl.artifact.layout import layout
from qdsl.cli.folding import folded
from qdsl.spec import load_spec


@pytest.fixture
def packed(folder):
    """`small.qpack`: the variant of that name, all its bytes 0."""
    variant = load_spec("net.qspec").variants["small"]
    sizes = {p.entry.key: p.entry.nbytes for p in layout(variant.model).tensors}
    write(folder / "small.qpack", variant.model, lambda key: bytes(sizes[key]))
    return variant


def test_text(qdsl, packed, golden, request):
    found = qdsl("inspect", "small.qpack")
    assert (found.status, found.err) == (0, "")
    text = re.sub(r"\b[0-9a-f]{64}\b", "…", found.out)
    golden(request.path.parent / "golden" / "inspect.txt", text)


def test_json(qdsl, packed, folder):
    found = json.loads(qdsl("inspect", "--format", "json", "small.qpack").out)
    assert found["total_bytes"] == (folder / "small.qpack").stat().st_size
    assert found["total_bytes"] == packed.size().total_bytes
    tensors = [t for s in found["storages"] for t in s["tensors"]]
    ends = sorted((t["offset"], t["offset"] + t["bytes"]) for t in tensors)
    assert ends[0][0] == found["header_bytes"]
    assert ends[-1][1] == found["total_bytes"]
    assert all(before[1] == after[0] for before, after in pairwise(ends))
    for storage in found["storages"]:
        assert storage["total_bytes"] == sum(t["bytes"] for t in storage["tensors"])
    assert found["ties"] == {"out.weight": "table.weight"}
    assert [entry["name"] for entry in found["entries"]] == ["run"]
    reports = Path(__file__).parents[2] / "docs" / "reports.md"
    documented = reports.read_text(encoding="utf-8").partition("## inspect")[2]
    for record in (found, found["storages"][0], tensors[0], found["entries"][0]):
        assert [key for key in record if f"`{key}`" not in documented] == []
    assert set(found["sha256"]) == {"header", "tensors", "model", "choices"}


STATIC = """qspec 1

model Net(d: int = 8) {
    parts = repeat 3 { Linear(d -> d) }

    entry run(x: f32[B, d]) {
        y = parts(x)
        z = einsum(y, y, "bd,cd->bc")
        return z
    }
}

policy p for Net {
    default { weights = int8 }
    parts[*] { output = int8(static) }
    z { matmul = int8(static, asymmetric) }
}

variant v { model = Net(); policy = p }
"""


def test_static_ranges(qdsl, folder):
    (folder / "static.qspec").write_text(STATIC)
    variant = load_spec("static.qspec").variants["v"]
    sizes = {p.entry.key: p.entry.nbytes for p in layout(variant.model).tensors}
    write(folder / "static.qpack", variant.model, lambda key: bytes(sizes[key]))
    out = qdsl("inspect", "static.qpack").out
    assert "parts[0..3].output.scales" in out
    assert "output  parts[0..3]: int8(static)\n" in out
    found = json.loads(qdsl("inspect", "--format", "json", "static.qpack").out)
    assert found["roundings"]["matmul"] == {"run.z": "int8(static, asymmetric)"}
    stored = [*found["ranges"], *(t for s in found["storages"] for t in s["tensors"])]
    assert sum(t["bytes"] for t in stored) == found["total_bytes"] - found["header_bytes"]


def test_a_certificate_is_shown(qdsl, packed, folder):
    path = folder / "small.qpack"
    file = read(path).fingerprint
    found = Certificate("cpu", "avx2", 7, 7, 2, 7, 0.5, 0, 1, "0" * 16, file)
    seal(path, found)
    assert f"certificate  {found}\n" in qdsl("inspect", "small.qpack").out
    assert json.loads(qdsl("inspect", "--format", "json", "small.qpack").out)["certificate"] == (
        f"qdsl-verify/1 backend=cpu/avx2 layers=7 codes=7 equal=2 bound=7 worst=0.5000 "
        f"entries=0/1 inputs={'0' * 16} file={file} {str(found)[-12:]}"
    )


@pytest.mark.parametrize(
    ("keep", "flip", "code"),
    [(0, None, "Q604"), (100, None, "Q604"), (-1, None, "Q6"), (None, -1, "Q606")],
)
def test_a_damaged_file(qdsl, packed, folder, keep, flip, code):
    data = bytearray((folder / "small.qpack").read_bytes()[:keep])
    if flip:
        data[flip] ^= 1
    (folder / "bad.qpack").write_bytes(data)
    found = qdsl("inspect", "bad.qpack")
    assert (found.status, found.out) == (1, "")
    assert f"error[{code}" in found.err


@pytest.mark.parametrize(
    ("file", "status", "code"), [("none", 2, "Q601"), ("net.qspec", 1, "Q602")]
)
def test_no_packed_file(qdsl, file, status, code):
    found = qdsl("inspect", file)
    assert (found.status, found.out) == (status, "")
    assert f"error[{code}]" in found.err


FOLDED = """qspec 1

block Part(d: int) {
    conv = Conv1d(d -> d, 3, padding = "half")
    norm = BatchNorm(d)

    forward(x: f32[B, T, d]) -> f32[B, T, d] {
        return conv(x) |> norm
    }
}

model Net(d: int = 8) {
    parts = repeat 8 { Part(d) }
    last = Part(d)

    entry run(x: f32[B, T, d]) { return parts(x) |> last }
}
"""


def test_runs_are_counted_and_summed(qdsl, folder):
    (folder / "folded.qspec").write_text(FOLDED)
    (variant,) = load_spec("folded.qspec").variants.values()
    sizes = {p.entry.key: p.entry.nbytes for p in layout(variant.model).tensors}
    write(folder / "folded.qpack", variant.model, lambda key: bytes(sizes[key]))
    out = qdsl("inspect", "folded.qpack").out
    folds = re.findall(r"^fold  (.*)$", out, re.MULTILINE)
    assert folds == ["parts[0..8].norm into parts[0..8].conv", "last.norm into last.conv"]
    assert re.search(r"^ *6,144 .* parts\[0\.\.8\]\.conv\.weight +×8  Conv1d", out, re.MULTILINE)
    rows = re.findall(r"^ *([\d,]+) +[\d,]+  \S", out, re.MULTILINE)
    assert sum(int(row.replace(",", "")) for row in rows) == variant.size().total_bytes


def test_runs_of_equal_lines():
    lines = {"a[0].w": ("1",), "a[0].b": ("2",), "a[1].w": ("1",), "a[1].b": ("2",), "z": ("1",)}
    assert folded(lines) == [("a[0..2].w", ("1",)), ("a[0..2].b", ("2",)), ("z", ("1",))]
