"""Provokes what is found when a model trains, is frozen, and is held against its packed file."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from qdsl.fx.program import Program
from qdsl.fx.restore import save_frozen
from qdsl.spec import Variant
from qdsl.tasks.asr.entries import prediction_of
from qdsl.tasks.asr.recordings import find_recordings

Net = Callable[..., Variant]
Refused = Callable[[str, Callable[[], object]], None]


@torch.no_grad()
def filled(program: Program, value: float) -> Program:
    """The program with one weight replaced."""
    program.get_parameter("map.weight")[0, 0] = value
    return program


def test_weights_that_are_not_finite(net: Net, refused: Refused) -> None:
    refused("Q710", filled(net().program(), float("nan")).to_qat)


def test_a_scale_out_of_range(net: Net, refused: Refused) -> None:
    program = filled(net(format="int4(scale = f16)").program(), 1e6)
    refused("Q711", program.to_qat().freeze)


def test_a_range_without_values(net: Net, refused: Refused) -> None:
    program = net(format="int8; activations = int8(static)").program().to_qat()
    refused("Q717", program.freeze)


def test_a_learned_clip_of_signed_values(net: Net, refused: Refused) -> None:
    program = net(format="int8; activations = uint8(clip = learned)").program()
    refused("Q522", program.to_qat)


# ---- qdsl verify -------------------------------------------------------------------------------


def kept(variant: Variant, name: str) -> None:
    """The variant trained for no step: `name.qpack` and its frozen state."""
    program = variant.program(seed=1).to_qat()
    save_frozen(program, Path(f"{name}.safetensors"))
    program.pack(Path(f"{name}.qpack"))


def moved(name: str) -> None:
    """`moved.safetensors`: the state of that name, one tensor of it another."""
    state = load_file(f"{name}.safetensors")
    state["map.bias"] += 1
    save_file(state, "moved.safetensors")


VERIFIED = {
    "Q712": ("small", "small", "inputs-of-nobody"),
    "Q713": ("small", "wide", "inputs"),
    "Q714": ("wide", "small", "inputs"),
    "Q721": ("small", "moved", "inputs"),
}


@pytest.mark.parametrize("code", VERIFIED)
def test_verify(code: str, net: Net, said: Callable[..., None]) -> None:
    kept(net(d=16), "wide")
    kept(net(), "small")
    moved("small")
    save_file({"run.x": torch.ones(2, 8)}, "inputs.safetensors")
    save_file({"walk.x": torch.ones(2, 8)}, "inputs-of-nobody.safetensors")
    packed, checkpoint, inputs = VERIFIED[code]
    said(
        code,
        "verify",
        *("net.qspec#small", f"{packed}.qpack", "--backend", "reference"),
        *("--checkpoint", f"{checkpoint}.safetensors", "--inputs", f"{inputs}.safetensors"),
    )


# ---- the task ----------------------------------------------------------------------------------


def test_recordings_that_are_not_there(refused: Refused) -> None:
    refused("Q720", lambda: find_recordings(Path("nowhere")))


def test_a_model_without_the_entries(net: Net, refused: Refused) -> None:
    refused("Q730", lambda: prediction_of(net().model))
