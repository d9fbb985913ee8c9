"""Holds commands to what they say of unfit inputs, and to leave alone what they read."""

import pytest
import torch
from safetensors.torch import save_file

SPEC = """qspec 1

model Net(d: int = 8) {
    map = Conv1d(d -> d, 5)

    entry run(x: f32[B, T, d], lengths: i64[B]) -> f32[B, S, d], i64[B] {
        y = map(x)
        return y, len(S, lengths)
    }
}

policy p { ** { weights = int8 } }

variant v { model = Net(); policy = p }
"""

COMMANDS = {
    "run": ("run", "v.qpack", "--backend", "reference"),
    "verify": (
        *("verify", "v.qspec", "v.qpack", "--checkpoint", "v.safetensors"),
        *("--backend", "reference"),
    ),
    "compile": ("compile", "v.qspec", "--seed", "1", "--method", "gptq", "-o", "w.qpack"),
}


@pytest.fixture
def recorded(qdsl, folder):
    """`recorded(command, file)` runs it on a file of inputs."""
    (folder / "v.qspec").write_text(SPEC)
    made = qdsl("compile", "v.qspec", "--seed", "0", "--state", "v.safetensors")
    assert (made.status, made.err) == (0, "")
    save("in.safetensors", (2, 9, 8), (2,))
    return lambda command, file: qdsl(*COMMANDS[command], "--inputs", file)


def save(name, x, lengths):
    torch.manual_seed(0)
    save_file({"run.x": torch.randn(x), "run.lengths": torch.ones(lengths).long()}, name)


@pytest.mark.parametrize("command", COMMANDS)
def test_inputs_that_fit(recorded, command):
    found = recorded(command, "in.safetensors")
    assert (found.status, found.err) == (0, "")


@pytest.mark.parametrize("command", COMMANDS)
def test_inputs_on_which_an_entry_does_not_run(recorded, command):
    save("short.safetensors", (2, 3, 8), (2,))
    found = recorded(command, "short.safetensors")
    assert (found.status, found.out) == (1, "")
    message = "error[Q712]: `run` does not run on its inputs in `short.safetensors`: "
    assert found.err.startswith(message)
    assert len(found.err.splitlines()) == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_other_failures_are_not_of_the_inputs(recorded, command, monkeypatch):
    def failing(*_):
        raise RuntimeError("of another kind")

    for name in ("recording.as_tuple", "verify", "ptq.run.compensate_program"):
        monkeypatch.setattr(f"qdsl.fx.{name}", failing)
    found = recorded(command, "in.safetensors")
    assert found.status == 101


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("x", "lengths", "said"),
    [
        ((2, 9, 7), (2,), "`run.x` of `bad.safetensors` is f32[2, 9, 7], not f32[B, T, 8]\n"),
        (
            (2, 9, 8),
            (3,),
            "`run.lengths` of `bad.safetensors` is i64[3], not i64[B]\n"
            "  = help: B is 2, T is 9 in the inputs before it\n",
        ),
    ],
)
def test_inputs_of_other_shapes(recorded, command, x, lengths, said):
    save("bad.safetensors", x, lengths)
    found = recorded(command, "bad.safetensors")
    assert (found.status, found.out, found.err) == (1, "", f"error[Q712]: {said}")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_in_place_of_inputs(recorded, command, folder):
    (folder / "in").mkdir()
    found = recorded(command, "in")
    assert (found.status, found.out) == (2, "")
    assert found.err == "error[Q001]: cannot read inputs `in`: Is a directory\n"


def test_a_state_of_another_kind(recorded, qdsl, folder):
    (folder / "in").mkdir()
    torch.save({"map.weight": torch.zeros(8, 5, 8)}, "w.pt")
    usual = ("verify", "v.qspec", "v.qpack", "--inputs", "in.safetensors", "--checkpoint")
    found = qdsl(*usual, "w.pt")
    assert found.status == 1
    assert found.err.startswith(
        "error[Q713]: `w.pt` is no frozen state: it is not of safetensors\n"
    )
    assert "`qdsl compile --state FILE`" in found.err
    assert qdsl(*usual, "in").err == "error[Q001]: cannot read state `in`: Is a directory\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "compile v.qspec --seed 0 -o ../{0}/v.qspec",
            "`../{0}/v.qspec` would be read and written",
        ),
        ("compile v.qspec#v --seed 0 --state v.qspec", "`v.qspec` would be read and written"),
        ("compile v.qspec --seed 0 --state v.qpack", "`v.qpack` would be written twice"),
        ("compile v.qspec --weights v.safetensors --state v.safetensors", "be read and written"),
        ("run v.qpack --inputs in.safetensors -o in.safetensors", "be read and written"),
        ("run v.qpack --inputs in.safetensors -o v.qpack", "be read and written"),
    ],
)
def test_nothing_is_written_over_what_is_read(recorded, qdsl, folder, line, said):
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    found = qdsl(*line.format(folder.name).split())
    assert (found.status, found.out) == (2, "")
    assert said.format(folder.name) in found.err
    assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
