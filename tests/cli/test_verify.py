"""Verifies a packed file of a tiny model, and files that are not what they should be."""

import json
import os
import shutil
from hashlib import sha256

import pytest
import torch
from safetensors.torch import load_file, save_file

from qdsl import load_spec
from qdsl.artifact.header import CERTIFICATE
from qdsl.fx.restore import save_frozen

SPEC = """qspec 1

model Net(d: int = 16) {
    map = Linear(d -> d)
    rnn = LSTM(d, d)

    entry run(x: f32[B, T, d], h: f32[B, d] = zeros, c: f32[B, d] = zeros) {
        return rnn.step(map(x), h, c)
    }
}

policy w4 {
    default { weights = f32 }
    map { weights = int4(group = 8) }
    rnn { weights = int8 }
}

policy w8 extends w4 {
    map { weights = int8 }
}

variant a { model = Net(); policy = w4 }

variant b { model = Net(); policy = w8 }

variant wide { model = Net(d = 24); policy = w4 }
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Packed files and frozen states of all variants, and inputs."""
    folder = tmp_path_factory.mktemp("verify")
    (folder / "net.qspec").write_text(SPEC)
    for name, variant in load_spec(folder / "net.qspec").variants.items():
        program = variant.program(seed=1).to_qat()
        save_frozen(program, folder / f"{name}.safetensors")
        assert program.pack(folder / f"{name}.qpack") == variant.size().total_bytes
    torch.manual_seed(0)
    save_file({"run.x": torch.randn(2, 5, 16)}, folder / "in.safetensors")
    return folder


@pytest.fixture
def verify(made, tmp_path, qdsl):
    """`verify(packed=…, checkpoint=…, inputs=…)`: names of files, beside copies of those made."""
    for path in made.iterdir():
        shutil.copy(path, tmp_path)

    def run(*more, variant="a", **named):
        usual = {"packed": "a.qpack", "checkpoint": "a.safetensors", "inputs": "in.safetensors"}
        packed, checkpoint, inputs = {**usual, **named}.values()
        files = ("--checkpoint", checkpoint, "--inputs", inputs)
        return qdsl("verify", f"net.qspec#{variant}", packed, *files, *more)

    return run


@pytest.mark.parametrize("backend", ["cpu", "reference"])
@pytest.mark.parametrize("variant", ["a", "b"])
def test_a_good_file(verify, variant, backend):
    checkpoint, packed = f"{variant}.safetensors", f"{variant}.qpack"
    more = ("--backend", backend)
    found = verify(*more, variant=variant, packed=packed, checkpoint=checkpoint)
    if "error[Q503]" in found.err:
        pytest.skip("the kernels are not built")
    assert (found.status, found.err) == (0, "")
    assert found.out.endswith("all comparisons hold\n")


def test_json(verify):
    found = verify("--backend", "reference", "--format", "json")
    data = json.loads(found.out)
    assert set(data) == {"layers", "entries", "stored", "file", "tokens", "ok"}
    layer = {"path", "kind", "codes_equal", "max_error", "bound", "ok"}
    assert {row["path"] for row in data["layers"]} == {"map", "rnn"}
    assert all(set(row) == layer for row in data["layers"])
    keys = {"entry", "equal", "max_error", "must_be_equal", "finite"}
    assert all(set(e) == keys for e in data["entries"])
    assert data["ok"] is True


def test_other_weights_are_a_mismatch(verify, tmp_path):
    """The state is of this variant, but not what was packed."""
    state = load_file(tmp_path / "a.safetensors")
    state["rnn.bias"][0] += 1
    state["map.weight.q.scale"] *= 2
    save_file(state, tmp_path / "moved.safetensors")
    found = verify("--backend", "reference", checkpoint="moved.safetensors")
    assert found.status == 1
    assert "FAIL map" in found.out
    assert "rnn.bias is stored otherwise" in found.out


@pytest.mark.parametrize("where", ["length", "json", "scales", "last"])
def test_a_flipped_bit(verify, tmp_path, where):
    data = bytearray((tmp_path / "a.qpack").read_bytes())
    header = 8 + int.from_bytes(data[:8], "little")
    offset = {"length": 2, "json": CERTIFICATE.stop + 40, "scales": header + 70, "last": -1}[where]
    data[offset] ^= 1
    (tmp_path / "edited.qpack").write_bytes(data)
    found = verify(packed="edited.qpack")
    assert found.status == 1
    assert found.out == ""
    assert "error[Q6" in found.err


@pytest.mark.parametrize("keep", [0, 5, 100, -1])
def test_a_truncated_file(verify, tmp_path, keep):
    data = (tmp_path / "a.qpack").read_bytes()
    (tmp_path / "short.qpack").write_bytes(data[:keep])
    found = verify(packed="short.qpack")
    assert found.status == 1
    assert "error[Q6" in found.err


@pytest.mark.parametrize(
    ("files", "status", "code"),
    [
        ({"packed": "none.qpack"}, 2, "Q601"),
        ({"packed": "net.qspec"}, 1, "Q602"),
        ({"packed": "b.qpack"}, 1, "Q714"),
        ({"packed": "wide.qpack"}, 1, "Q714"),
        ({"checkpoint": "b.safetensors"}, 1, "Q713"),
        ({"checkpoint": "wide.safetensors"}, 1, "Q713"),
        ({"checkpoint": "in.safetensors"}, 1, "Q713"),
        ({"checkpoint": "net.qspec"}, 1, "Q713"),
        ({"checkpoint": "none.safetensors"}, 2, "Q001"),
        ({"inputs": "a.safetensors"}, 1, "Q712"),
        ({"inputs": "net.qspec"}, 1, "Q602"),
        ({"inputs": "none.safetensors"}, 2, "Q001"),
        ({"variant": "c"}, 1, "Q316"),
    ],
)
def test_files_of_another_kind(verify, files, status, code):
    found = verify(**files)
    assert f"error[{code}]" in found.err
    assert found.status == status
    assert found.out == ""


@pytest.mark.parametrize(
    "tensors",
    [
        {"run.x": torch.zeros(2, 5, 15)},
        {"run.x": torch.zeros(5, 16)},
        {"run.x": torch.zeros(2, 5, 16, dtype=torch.float64)},
        {"run.x": torch.zeros(2, 5, 16), "run.h": torch.zeros(3, 16)},
    ],
)
def test_inputs_that_do_not_fit(verify, tmp_path, tensors):
    save_file(tensors, tmp_path / "odd.safetensors")
    found = verify(inputs="odd.safetensors")
    assert found.status == 1
    assert "error[Q712]" in found.err


@pytest.mark.parametrize("shape", [(0, 5, 16), (2, 0, 16)])
def test_nothing_to_compare_is_no_mismatch(verify, tmp_path, shape):
    save_file({"run.x": torch.zeros(shape)}, tmp_path / "none.safetensors")
    found = verify("--backend", "reference", inputs="none.safetensors")
    assert (found.status, found.err) == (0, "")


def test_an_unknown_backend(verify):
    found = verify("--backend", "tpu")
    assert found.status == 1
    assert "error[Q502]: no back end `tpu`" in found.err


def test_the_folder_is_as_it_was(verify, tmp_path):
    before = sorted(os.listdir(tmp_path))
    verify()
    assert sorted(os.listdir(tmp_path)) == before


# ---- the certificate ---------------------------------------------------------------------------


def test_a_seal(verify, qdsl, tmp_path):
    before = (tmp_path / "a.qpack").read_bytes()
    found = verify("--backend", "reference", "--seal")
    assert (found.status, found.err) == (0, "sealed a.qpack\n")
    after = (tmp_path / "a.qpack").read_bytes()
    assert before[: CERTIFICATE.start] == after[: CERTIFICATE.start]
    assert before[CERTIFICATE.stop :] == after[CERTIFICATE.stop :]
    digest = sha256((tmp_path / "in.safetensors").read_bytes()).hexdigest()[:16]
    line = f"layers=2 codes=2 equal=2 bound=2 worst=0.0000 entries=1/1 inputs={digest} file="
    shown = qdsl("inspect", "a.qpack").out
    assert f"certificate  qdsl-verify/1 backend=reference/any {line}" in shown
    # a sealed file is verified, and sealed, as any other
    again = verify("--backend", "reference", "--seal")
    assert (again.status, again.out) == (0, found.out)
    assert (tmp_path / "a.qpack").read_bytes() == after


def test_what_differs_is_not_sealed(verify, tmp_path):
    state = load_file(tmp_path / "a.safetensors")
    state["rnn.bias"][0] += 1
    save_file(state, tmp_path / "moved.safetensors")
    before = (tmp_path / "a.qpack").read_bytes()
    found = verify("--backend", "reference", "--seal", checkpoint="moved.safetensors")
    assert found.status == 1
    assert "error[Q721]" in found.err
    assert (tmp_path / "a.qpack").read_bytes() == before


@pytest.mark.parametrize(
    ("x", "what", "more"),
    [
        (torch.zeros(0, 5, 16), "is given", ["--seal"]),
        (torch.full((2, 5, 16), torch.nan), "is given", ["--seal"]),
        (torch.full((2, 5, 16), torch.nan), "is given", []),
        (torch.tensor([torch.inf, 1.0]).repeat(2, 5, 8), "gives", []),
    ],
)
def test_nothing_compared_is_told(verify, tmp_path, x, what, more):
    save_file({"run.x": x}, tmp_path / "in.safetensors")
    before = (tmp_path / "a.qpack").read_bytes()
    found = verify("--backend", "reference", *more)
    assert (found.status, found.out) == (1, "")
    assert f"error[Q712]: nothing was compared: `run` {what} no finite number" in found.err
    assert (tmp_path / "a.qpack").read_bytes() == before


def test_values_that_are_not_finite_are_compared_with_those_of_their_rows(verify, tmp_path):
    x = torch.randn(2, 5, 16)
    x[0, 1], x[1, 3, 2] = torch.nan, torch.inf
    save_file({"run.x": x}, tmp_path / "in.safetensors")
    found = verify()
    if "error[Q503]" in found.err:
        pytest.skip("the kernels are not built")
    assert (found.status, found.err) == (0, "")
    assert "nan" not in found.out.lower()


def test_a_seal_that_cannot_be_written_leaves_the_file(verify, tmp_path, monkeypatch):
    before = (tmp_path / "a.qpack").read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    found = verify("--backend", "reference", "--seal")
    assert found.status == 2
    assert "error[Q612]" in found.err
    assert (tmp_path / "a.qpack").read_bytes() == before
