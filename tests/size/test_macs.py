"""Multiply-accumulates, each worked out by hand."""

import pytest

from qdsl.size.macs import free_dims, macs


@pytest.fixture(scope="module")
def model(report_of):
    return report_of("float", lambda path: None).source


def test_the_products_of_an_entry(model):
    found = {m.path: m.count for m in macs(model, "encode", {"B": 2, "T": 101})}
    time = (101 - 3) // 2 + 1  # a kernel of 3, a stride of 2
    positions = 2 * time
    assert found == {
        "front": positions * 16 * 3 * 8,
        **{f"blocks[{i}].up": positions * 16 * 32 for i in range(3)},
        **{f"blocks[{i}].down": positions * 32 * 16 for i in range(3)},
        "": 2 * time * time * 16,
        "memory": positions * (96 * 16 + 96 * 16 + 16 * 24),
        "out": positions * 16 * 10,
    }


def test_an_embedding_multiplies_nothing(model):
    assert macs(model, "predict", {"B": 1, "U": 5}) == ()


def test_free_dims_are_those_of_the_inputs(model):
    assert free_dims(model, "encode") == {"B", "T"}
    assert free_dims(model, "predict") == {"B", "U"}


def test_what_is_not_known_is_a_key_error(model):
    with pytest.raises(KeyError):
        macs(model, "decode", {})
    with pytest.raises(KeyError, match="T"):
        macs(model, "encode", {"B": 1})
