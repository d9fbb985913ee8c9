"""Holds docs/artifact.md to the code: its worked example, its offsets, its list of operations."""

import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from qdsl.artifact import bits, header
from qdsl.artifact.container import write
from qdsl.artifact.schema import model_to_json
from qdsl.ir import op as ops
from qdsl.ir.builder import Builder
from qdsl.ir.format import F32, IntegerGrid, IntegerZero, PerGroup, WeightFormat
from qdsl.ir.model import Assigned, Entry, EntryInput, Model, Module, Storage, TensorType
from qdsl.ir.pattern import NM
from qdsl.ir.shape import shape
from qdsl.layers.linear import Linear

DOCUMENT = Path(__file__).parents[2] / "docs" / "artifact.md"
FORMAT = WeightFormat("int4", IntegerGrid(4), PerGroup(4), zero=IntegerZero(), pattern=NM(2, 4))


def example_model():
    """`up = Linear(8 -> 2)`, its weight int4(group = 4, asymmetric) sparse 2:4."""
    layer = Linear(8, 2)
    given = TensorType("f32", shape("B", 8))
    inner = Builder("forward", {p.name: p.shape for p in layer.parameters()})
    result = layer.forward(inner, inner.input(given))
    outer = Builder("forward", {})
    x = outer.input(given)
    results = outer.invoke("up", inner.finish((result,)), (x,), (result.type,))
    entry = Entry("forward", (EntryInput("x", given),), (result.type,), outer.finish(results))
    up = Module("Linear", True, layer.parameters(), {})
    weight, bias = layer.parameters()
    storages = (
        Storage("up.weight", "Linear", weight, Assigned(FORMAT)),
        Storage("up.bias", "Linear", bias, Assigned(F32)),
    )
    return Model("Tiny", Module("Tiny", False, (), {"up": up}), (entry,), storages, {}, {}, {})


def example_tensors():
    codes = np.array([[1, -8, 7, 3], [-1, 2, 0, 5]])
    index = np.array([[0, 3, 1, 2], [0, 1, 2, 3]], np.uint8)
    return {
        "up.bias": np.array([0.5, -1.0], np.float32),
        "up.weight.scales": np.array([[0.5, 0.25], [1.0, 2.0]], np.float32),
        "up.weight.codes": bits.pack_codes(codes, FORMAT.grid),
        "up.weight.index": bits.pack_index(index, FORMAT.pattern),
        "up.weight.zeros": bits.pack_codes(np.array([[-1, 2], [0, 3]]), FORMAT.grid),
    }


@pytest.fixture(scope="module")
def text():
    return DOCUMENT.read_text(encoding="utf-8")


@pytest.fixture
def packed(tmp_path):
    path = tmp_path / "tiny.qpack"
    write(path, example_model(), example_tensors().__getitem__)
    return path.read_bytes()


def block(text, title):
    """The fenced block after a line that ends with the title and a colon, on one line."""
    found = re.search(re.escape(title) + r":\n\n```\w*\n(.*?)\n```", text, re.DOTALL)
    assert found, title
    return found[1]


def test_the_model_of_the_example(text):
    assert block(text, "the model").replace("\n", "") == model_to_json(example_model())


def test_the_bytes_of_the_example(text, packed):
    length = int.from_bytes(packed[:8], "little")
    tensors = packed[8 + length :]
    assert f"{len(packed)} bytes: a header of {8 + length} and tensors of {len(tensors)}" in text
    assert bytes.fromhex(block(text, "the tensors").replace("\n", " ")) == tensors
    table = packed[8 : 8 + length].decode().partition('"},"up.bias"')[2].rstrip(" ")
    assert block(text, "the table of tensors").replace("\n", "") == '"up.bias"' + table[:-1]


def test_the_fixed_places(text):
    for name in ("certificate", "header_sha256", "tensors_sha256"):
        place = header.PLACES[f"qdsl:{name}"]
        assert f"| {place.start} | {place.stop - place.start} | `qdsl:{name}`" in text


@pytest.mark.parametrize("operation", ops.Op.__args__, ids=lambda o: o.__name__)
def test_every_operation_is_described(text, operation):
    names = ", ".join(f"`{f.name}`" for f in fields(operation)) or "–"
    assert f"| `{operation.__name__}` | {names} |" in text
