"""Packs trained weights by the command: what is written, what is refused, what stays."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from qdsl import load_spec
from qdsl.artifact.container import read
from qdsl.fx.restore import save_frozen

OPEN = """qspec 1

model Net(d: int = 16) {
    map = Linear(d -> d)
    out = Linear(d -> d)

    entry run(x: f32[B, T, d]) { return map(x) |> relu |> out }
}

policy p {
    default { weights = f32 }
    *:Linear { weights = any(int4, int8) }
}

budget b { size(*) <= 64 KiB }

variant v { model = Net(); policy = p; budget = b }
"""

STATIC = """qspec 1

model Net(d: int = 16) {
    map = Linear(d -> d)

    entry run(x: f32[B, T, d]) { return map(x) }
}

policy p { ** { weights = int8; activations = int8(static) } }

variant v { model = Net(); policy = p }
"""


GPTQ = ("--method", "gptq", "--inputs", "in.safetensors")


@pytest.fixture
def weights(folder):
    """Files of weights of `net.qspec#small`, and of inputs."""
    program = load_spec("net.qspec").variants["small"].program(seed=3)
    state = program.state_dict()
    torch.manual_seed(0)
    save_file({"run.ids": torch.randint(0, 32, (4, 12))}, "in.safetensors")
    torch.save(state, "w.pt")
    save_file({"run.ids": torch.tensor([[0, 31, 32]])}, "far.safetensors")
    save_file(state, "w.safetensors")
    save_frozen(program.to_qat(), folder / "frozen.safetensors")
    return state


def size():
    return load_spec("net.qspec").variants["small"].size().total_bytes


def test_all_forms_of_weights_give_one_file(qdsl, folder, weights):
    for name in ("w.pt", "w.safetensors", "frozen.safetensors"):
        found = qdsl("compile", "net.qspec#small", "--weights", name, "-o", f"{name}.qpack")
        assert (found.status, found.err) == (0, "")
        assert found.out == f"wrote {name}.qpack: {size() / 1024:.2f} KiB ({size():,} B)\n"
    first, *others = (p.read_bytes() for p in sorted(folder.glob("*.qpack")))
    assert len(others) == 2
    assert all(other == first for other in others)
    assert len(first) == size()


def test_weights_in_half_precision_and_tied_names(qdsl, weights):
    state = {k: v.to(torch.bfloat16) for k, v in weights.items()}
    state["out.weight"] = state["table.weight"].clone()
    torch.save(state, "half.pt")
    assert qdsl("compile", "net.qspec#small", "--weights", "half.pt").status == 0
    state["out.weight"][0] += 1
    torch.save(state, "apart.pt")
    found = qdsl("compile", "net.qspec#small", "--weights", "apart.pt")
    assert "error[Q718]: in `apart.pt` `out.weight` is another than `table.weight`" in found.err


def test_gptq(qdsl, weights):
    usual = ("compile", "net.qspec#small", "--weights", "w.pt")
    found = qdsl(*usual, "--inputs", "in.safetensors", "--method", "gptq", "--report")
    assert (found.status, found.err) == (0, "")
    lines = found.out.splitlines()
    assert lines[0].startswith("wrote small.qpack: ")
    assert len(lines) == 8
    assert all(" -> " in line or "rounded" in line for line in lines[1:])
    # codes are other ones, scales the same
    assert qdsl(*usual, "-o", "round.qpack").status == 0
    better, plain = read_file("small.qpack"), read_file("round.qpack")
    changed = {key for key in plain if plain[key].tobytes() != better[key].tobytes()}
    assert changed
    assert all(key.endswith(".codes") for key in changed)


def read_file(name):
    from pathlib import Path

    artifact = read(Path(name))
    return {key: artifact.tensor(key).copy() for key in artifact.keys()}


def test_a_seed_needs_no_weights(qdsl, folder):
    for name in ("a", "b"):
        output = ("-o", f"{name}.qpack")
        assert qdsl("compile", "net.qspec#small", "--seed", "7", *output).status == 0
    assert (folder / "a.qpack").read_bytes() == (folder / "b.qpack").read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "give one of `--weights FILE` and `--seed N`"),
        (("--weights", "w.pt", "--seed", "1"), "give one of `--weights FILE` and `--seed N`"),
        (("--weights", "w.pt", "--method", "gptq"), "`--method gptq` needs `--inputs FILE`"),
        (("--weights", "w.pt", "--report"), "`--report` is of `--method gptq`"),
        (("--weights", "w.pt", "--calibration", "ema"), "`--method round` calibrates nothing"),
        (
            *(
                (
                    "--weights",
                    "frozen.safetensors",
                    "--method",
                    "gptq",
                    "--inputs",
                    "in.safetensors",
                ),
            ),
            "`frozen.safetensors` is a frozen state",
        ),
        (
            (
                *("--weights", "frozen.safetensors", "--method", "calibrate"),
                *("--inputs", "in.safetensors"),
            ),
            "`frozen.safetensors` is a frozen state\n  help: leave `--method calibrate` out",
        ),
    ],
)
def test_options_that_contradict(qdsl, folder, weights, options, message):
    found = qdsl("compile", "net.qspec#small", *options)
    assert (found.status, found.out) == (2, "")
    assert found.err.startswith(f"error: {message}\n")
    assert "\n  help: " in found.err
    assert not list(folder.glob("*.qpack"))


def mend(state, change):
    state = dict(state)
    change(state)
    return state


MISFITS = {
    "lacks": (
        lambda s: [s.pop(k) for k in list(s) if k.startswith("pairs")],
        "lacks `pairs.0.up.weight`, `pairs.0.up.bias`, `pairs.0.down.weight` and 9 more",
    ),
    "has more": (
        lambda s: s.update(step=torch.zeros(1), more=torch.zeros(1)),
        "has `step`, `more`, which the model has not",
    ),
    "other shapes": (
        lambda s: s.update({"rnn.bias": torch.zeros(3), "table.weight": torch.zeros(2, 2)}),
        "`table.weight` is float32 2×2, not float32 32×16; so are `rnn.bias`",
    ),
    "integers": (
        lambda s: s.update({"rnn.bias": torch.zeros(64, dtype=torch.int64)}),
        "`rnn.bias` is int64 64, not float32 64",
    ),
    "a prefix": (
        lambda s: [s.update({f"module.{k}": s.pop(k)}) for k in list(s)],
        "its keys begin with `module.`: save the state dict of that member",
    ),
    "not finite": (
        lambda s: s.update({"rnn.bias": torch.full((64,), torch.nan)}),
        "error[Q710]: `rnn.bias` has weights that are not finite",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_weights_that_do_not_fit(qdsl, folder, weights, name):
    change, message = MISFITS[name]
    (folder / "small.qpack").write_bytes(b"before")
    torch.save(mend(weights, change), "bad.pt")
    found = qdsl("compile", "net.qspec#small", "--weights", "bad.pt")
    assert (found.status, found.out) == (1, "")
    assert message in found.err
    assert (folder / "small.qpack").read_bytes() == b"before"


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [("net.qspec", 1, "Q718"), ("none.pt", 2, "Q001"), ("nested.pt", 1, "Q718")],
)
def test_files_that_are_no_weights(qdsl, weights, name, status, code):
    torch.save({"model": weights, "step": 3}, "nested.pt")
    found = qdsl("compile", "net.qspec#small", "--weights", name)
    assert (found.status, found.out) == (status, "")
    assert f"error[{code}]" in found.err


def test_code_in_a_pickle_is_not_run(qdsl, folder):
    torch.save(Harmful(), "harmful.pt")
    found = qdsl("compile", "net.qspec#small", "--weights", "harmful.pt")
    assert found.status == 1
    assert "error[Q718]" in found.err
    assert not (folder / "harm").exists()


class Harmful:
    def __reduce__(self):
        return open, ("harm", "w")


def test_a_missed_budget_writes_nothing(qdsl, folder):
    found = qdsl("compile", "net.qspec#other", "--seed", "0")
    assert (found.status, found.out) == (1, "")
    assert "error[Q401]: `other` misses its budget" in found.err
    assert not list(folder.glob("*.qpack"))


def test_open_formats_need_a_lock_which_the_file_names(qdsl, folder):
    (folder / "open.qspec").write_text(OPEN)
    found = qdsl("compile", "open.qspec", "--seed", "0")
    assert found.status == 1
    assert "error[Q404]" in found.err
    assert qdsl("fit", "open.qspec").status == 0
    assert qdsl("compile", "open.qspec", "--seed", "0", "-o", "v.qpack").status == 0
    variant = load_spec("open.qspec").variants["v"]
    assert (folder / "v.qpack").stat().st_size == variant.size().total_bytes
    assert read(folder / "v.qpack").choices == variant.locked


def test_static_ranges_need_inputs(qdsl, folder, monkeypatch):
    (folder / "static.qspec").write_text(STATIC)
    monkeypatch.setattr("qdsl.plan.backends", dict)  # no kernel is asked for
    found = qdsl("compile", "static.qspec", "--seed", "0")
    assert found.status == 1
    assert "error[Q717]" in found.err
    assert "`qdsl compile --method calibrate --inputs FILE`" in found.err
    save_file({"run.x": torch.randn(4, 5, 16)}, "x.safetensors")
    inputs = ("--inputs", "x.safetensors", "--method", "calibrate")
    found = qdsl("compile", "static.qspec", "--seed", "0", *inputs)
    assert (found.status, found.err) == (0, "")


def test_calibrations_give_other_ranges(qdsl, folder, monkeypatch):
    (folder / "static.qspec").write_text(STATIC)
    monkeypatch.setattr("qdsl.plan.backends", dict)
    save_file({"run.x": torch.randn(4, 50, 16)}, "x.safetensors")
    usual = ("compile", "static.qspec", "--seed", "0", "--inputs", "x.safetensors")
    scales = {}
    for word in ("", "mse", "percentile", "ema"):
        option = ("--calibration", word) if word else ()
        found = qdsl(*usual, "--method", "calibrate", *option, "-o", f"{word}.qpack")
        assert (found.status, found.err) == (0, "")
        scales[word] = read_file(f"{word}.qpack")["map.input.scales"].item()
    assert scales[""] == scales["mse"]
    assert len(set(scales.values())) >= 2


def test_nothing_is_found_from_values_that_are_not_finite(qdsl, folder, monkeypatch):
    (folder / "static.qspec").write_text(STATIC)
    monkeypatch.setattr("qdsl.plan.backends", dict)
    save_file({"run.x": torch.full((4, 5, 16), torch.nan)}, "x.safetensors")
    inputs = ("--inputs", "x.safetensors", "--method", "calibrate")
    found = qdsl("compile", "static.qspec", "--seed", "0", *inputs)
    assert found.status == 1
    assert "error[Q712]: inputs of `run` in `x.safetensors` are not finite" in found.err
    assert not (folder / "v.qpack").exists()


def test_a_full_disk_leaves_the_old_file(qdsl, folder, monkeypatch):
    assert qdsl("compile", "net.qspec#small", "--seed", "0").status == 0
    before = (folder / "small.qpack").read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    found = qdsl("compile", "net.qspec#small", "--seed", "1")
    assert found.status == 2
    assert "error[Q612]" in found.err
    assert (folder / "small.qpack").read_bytes() == before
    assert not list(folder.glob(".*.part"))


# ---- qdsl run ----------------------------------------------------------------------------------


def test_run(qdsl, folder, weights):
    assert qdsl("compile", "net.qspec#small", "--weights", "w.pt").status == 0
    usual = ("run", "small.qpack", "--inputs", "in.safetensors", "--backend", "reference")
    found = qdsl(*usual, "-o", "out.safetensors")
    assert (found.status, found.err) == (0, "")
    assert found.out.startswith("run.0  float32 4×12×32, ")
    results = load_file("out.safetensors")
    assert results["run.0"].shape == (4, 12, 32)
    assert qdsl(*usual, "--entry", "run").out == found.out


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (("--entry", "rum"), 1, "error[Q712]: the packed model has no entry `rum`"),
        (("--inputs", "w.safetensors"), 1, "error[Q712]: `w.safetensors` has no `run.ids`"),
        (("--inputs", "far.safetensors"), 1, "has ids outside of 0 to 31"),
        (("--backend", "tpu"), 1, "error[Q502]"),
    ],
)
def test_what_cannot_be_run(qdsl, weights, options, status, message):
    assert qdsl("compile", "net.qspec#small", "--weights", "w.pt").status == 0
    usual = ("run", "small.qpack", "--inputs", "in.safetensors", "--backend", "reference")
    found = qdsl(*usual, *options)
    assert (found.status, found.out) == (status, "")
    assert message in found.err
