"""Trains small language models from the command line, stops them, and goes on."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from qdsl import load, load_spec
from qdsl.cli import training
from qdsl.train.curve import read_curve

ROOT = Path(__file__).parents[2]
SPEC = """qspec 1

model Net(d: int = 8) {
    embedding = Embedding(256, d)
    drop = Dropout(0.1)
    output = Linear(d -> 256)

    entry score(ids: i64[B, T]) { return embedding(ids) |> drop |> output }
}

policy low for Net {
    default { weights = f32 }
    output { weights = int4(group = 4) }
}

policy either for Net {
    default { weights = f32 }
    output { weights = any(int4, int8) }
}

recipe short {
    task = language(context = 8)
    batch = 4
    lr = 1e-2
    stage float { steps = 6 }
    stage qat { steps = 6 }
}

variant large {
    model = Net(d = 16)
    recipe = short
}

variant small {
    model = Net()
    policy = low
    recipe = short
    recipe.qat.distill = variant(large)
}

variant alone {
    model = Net()
    policy = low
    recipe = short
}

variant open {
    model = Net()
    policy = either
    recipe = short
}
"""
Run = Callable[..., object]


@pytest.fixture(autouse=True)
def net(folder: Path) -> None:
    (folder / "net.qspec").write_text(SPEC)
    (folder / "text.md").write_text(SPEC)
    torch.set_num_threads(1)


def train(qdsl: Run, variant: str, *more: str) -> tuple[int, str, str]:
    found = qdsl("train", f"net.qspec#{variant}", "--data", "text.md", *more)
    return found.status, found.out, found.err  # type: ignore[attr-defined]


def test_a_variant_and_then_one_that_learns_from_it(qdsl: Run, folder: Path) -> None:
    assert train(qdsl, "large")[0] == 0
    status, out, err = train(qdsl, "small")
    assert (status, err) == (0, "")
    size = load_spec("net.qspec").variants["small"].size().total_bytes
    packed = folder / "trained" / "small" / "small.qpack"
    assert out.splitlines()[-1] == f"trained/small/small.qpack: {size:,} bytes"
    assert packed.stat().st_size == size
    assert load(packed, backend="reference").score(torch.zeros(1, 3).long()).shape == (1, 3, 256)
    assert out.splitlines()[4].startswith("bits per byte: ")


def test_data_that_cannot_be_trained_on_leave_nothing(qdsl: Run, folder: Path) -> None:
    (folder / "text.md").write_text("short")
    status, out, err = train(qdsl, "alone")
    assert (status, out) == (1, "")
    assert "error[Q7" in err
    assert not (folder / "trained").exists()


def test_an_interrupted_training_goes_on(
    qdsl: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert train(qdsl, "alone", "--out", "whole")[0] == 0
    step = training.Progress.step

    def interrupted(self: training.Progress, stage: object, number: int, loss: float) -> None:
        step(self, stage, number, loss)  # type: ignore[arg-type]
        if number == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training.Progress, "step", interrupted)
        status, out, err = train(qdsl, "alone", "--save-every", "2")
    assert (status, out) == (130, "")
    stopped = "behind step 5 of stage `float`"
    assert err == f"interrupted {stopped}; the same command goes on behind step 4 of all\n"
    assert train(qdsl, "alone")[0] == 0
    whole, parts = (read_curve(folder / f / "alone" / "losses.jsonl") for f in ("whole", "trained"))
    assert whole == parts
    one, other = (folder / f / "alone" / "alone.qpack" for f in ("whole", "trained"))
    assert one.read_bytes() == other.read_bytes()


def test_a_training_begins_anew_where_it_is_told_to(qdsl: Run, folder: Path) -> None:
    assert train(qdsl, "alone")[0] == 0
    first = read_curve(folder / "trained" / "alone" / "losses.jsonl")
    status, _, err = train(qdsl, "alone", "--seed", "1")
    assert status == 1
    assert "error[Q740]" in err
    assert train(qdsl, "alone", "--seed", "1", "--anew")[0] == 0
    assert read_curve(folder / "trained" / "alone" / "losses.jsonl") != first


def test_a_training_on_other_data_is_not_gone_on_from(qdsl: Run, folder: Path) -> None:
    assert train(qdsl, "alone")[0] == 0
    text = (folder / "text.md").read_bytes()
    (folder / "elsewhere.md").write_bytes(text)
    assert train(qdsl, "alone", "--data", "elsewhere.md")[0] == 0
    (folder / "other.md").write_bytes(bytes([text[0] ^ 1]) + text[1:])
    status, _, err = train(qdsl, "alone", "--data", "other.md")
    assert status == 1
    assert "error[Q740]" in err
    assert "data" in err.splitlines()[0]


def test_a_curve_that_was_deleted_is_not_made_up(qdsl: Run, folder: Path) -> None:
    assert train(qdsl, "alone")[0] == 0
    (folder / "trained" / "alone" / "losses.jsonl").unlink()
    status, out, _ = train(qdsl, "alone")
    assert status == 0
    assert [line.split()[-2:] for line in out.splitlines()[2:4]] == [["-", "-"]] * 2


def test_a_finished_training_says_so_and_what_its_losses_are(qdsl: Run) -> None:
    first, again = train(qdsl, "alone")[1], train(qdsl, "alone")[1]
    assert again == f"nothing was left to train: `--anew` begins again\n{first}"
    assert "\nlosses are means over 20 steps, of short stages over a quarter\n" in first


def test_torchrun_trains_on_two_processes(folder: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["-m", "qdsl", "train", "net.qspec#alone", "--data", "text.md", "--shard"]
    found = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=110)
    assert found.returncode == 0, found.stderr
    size = load_spec("net.qspec").variants["alone"].size().total_bytes
    assert found.stdout.splitlines()[-1] == f"trained/alone/alone.qpack: {size:,} bytes"
    assert len(read_curve(folder / "trained" / "alone" / "losses.jsonl")) == 12


@pytest.mark.parametrize("name", ["meta", "cuda:99", "cuda:", "cpu:0", "CPU", "٣"])
def test_a_device_that_nothing_is_trained_on(qdsl: Run, name: str) -> None:
    status, _, err = train(qdsl, "alone", "--device", name)
    assert status == 1
    assert f"error[Q744]: there is no device `{name}`" in err


def test_one_process_tells_what_all_find(qdsl: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others wait for the launcher to end them; one that lives on tells what it has found."""
    waited: list[float] = []
    monkeypatch.setattr(training.time, "sleep", waited.append)
    for rank, waits in (("0", []), ("1", [training.PATIENCE])):
        monkeypatch.setenv("RANK", rank)
        status, _, err = train(qdsl, "small")
        assert (status, waited) == (1, waits)
        assert "error[Q741]" in err


def test_torchrun_tells_an_error_once(folder: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["-m", "qdsl", "train", "net.qspec#small", "--data", "text.md"]
    found = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=110, check=False
    )
    assert found.returncode == 1
    assert found.stderr.count("error[Q741]") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["net.qspec#alone"], "error[Q731]: task `language` is trained on data: none is given"),
        (["net.qspec#alone", "--data", "nowhere"], "error[Q731]: there is no `nowhere`"),
        (["net.qspec#open", "--data", "text.md"], "error[Q404]: the format of `output.weight`"),
        (
            ["net.qspec#alone", "--data", "text.md", "--task", "sufix=.rst"],
            "error[Q731]: task `language` takes no option `sufix=.rst`\n  = help: did you mean",
        ),
        (
            ["net.qspec#alone", "--data", "text.md", "--task", "suffix"],
            "error[Q731]: option `suffix` has no value",
        ),
        (["net.qspec", "--data", "text.md"], "error[Q316]"),
        (["net.qspec#alone", "--save-every", "0"], "error: argument --save-every"),
        (["net.qspec#alone", "--data", "text.md", "--shard"], "error: `--shard` spreads weights"),
    ],
)
def test_what_cannot_be_trained_is_told(qdsl: Run, arguments: list[str], told: str) -> None:
    found = qdsl("train", *arguments)
    assert found.status in (1, 2)  # type: ignore[attr-defined]
    assert told in found.err  # type: ignore[attr-defined]
    assert not Path("trained").exists()


def test_the_recipe_of_tiny_lm_learns_from_the_documentation(qdsl: Run, folder: Path) -> None:
    spec = (ROOT / "specs" / "tiny_lm.qspec").read_text(encoding="utf-8")
    spec += """
variant quick {
    model = TinyLm(d = 16, layers = 3, heads = 2, groups = 1, hidden = 64)
    policy = w4_quick
    recipe = bytes
    recipe.batch = 4
    recipe.lr = 1e-2
    recipe.float.steps = 30
    recipe.qat.steps = 10
    recipe.qat.lr = 1e-3
}

policy w4_quick for TinyLm {
    default { weights = f32 }
    lm.blocks[*].**:Linear { weights = int4(group = 16, scale = f16) }
}
"""
    (folder / "lm.qspec").write_text(spec)
    shutil.copytree(ROOT / "docs" / "language", folder / "docs")
    found = qdsl("train", "lm.qspec#quick", "--data", "docs")
    assert found.err == ""  # type: ignore[attr-defined]
    losses = [p.loss for p in read_curve(folder / "trained" / "quick" / "losses.jsonl")]
    assert len(losses) == 40
    assert sum(losses[25:30]) < 0.8 * sum(losses[:5])
