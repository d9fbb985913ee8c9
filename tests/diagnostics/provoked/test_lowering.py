"""Provokes what is found when a graph is made of a model, and when a back end is asked for."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import qdsl
from qdsl import load_spec
from qdsl.fx import build
from qdsl.ir import op
from qdsl.ir.builder import Builder
from qdsl.ir.model import Entry, EntryInput, Model, Module, TensorType
from qdsl.ir.shape import dim, shape
from qdsl.spec import Variant
from qdsl.target import Availability

Net = Callable[..., Variant]
Refused = Callable[[str, Callable[[], object]], None]


def counting() -> Model:
    """A model made in Python, whose entry counts to a dim that its input lacks."""
    given = TensorType("f32", shape("B", 8))
    builder = Builder("count", {})
    builder.input(given)
    counted = builder.emit(op.Range(dim("T")))
    entry = Entry("count", (EntryInput("x", given),), (counted.type,), builder.finish((counted,)))
    return Model("Net", Module("Net", False, (), {}), (entry,), (), {}, {}, {})


def test_a_dim_without_a_size(refused: Refused) -> None:
    refused("Q501", lambda: build(counting()))


def test_an_unknown_back_end(net: Net, refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qdsl.fx.ops.installed", lambda: {})
    net().program().to_qat().pack("net.qpack")
    refused("Q502", lambda: qdsl.load("net.qpack", "tpu"))


def test_a_back_end_that_cannot_run(
    net: Net, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Availability(False, "no driver")
    monkeypatch.setattr("qdsl.fx.ops.installed", lambda: {"tpu": gone})
    net().program().to_qat().pack("net.qpack")
    refused("Q503", lambda: qdsl.load("net.qpack", "tpu"))


def test_a_name_of_torch(net: Net, refused: Refused) -> None:
    net()
    path = Path("net.qspec")
    path.write_text(path.read_text().replace("map", "apply"))
    refused("Q504", load_spec(path).variants["small"].program)


def test_graphs_without_a_gpu(net: Net, refused: Refused) -> None:
    program = net().program()
    refused("Q760", lambda: program.capture((1, 8), torch.zeros(1, 8), entry="run"))


def test_an_entry_that_cannot_be_captured(net: Net, refused: Refused) -> None:
    program = net().program()
    refused("Q761", lambda: program.capture((1, 8), torch.zeros(1, 8), entry="run", dim="T"))
