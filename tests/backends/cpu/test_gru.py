"""Holds the recurrence of a GRU to one `linear` per step and the reference's cell."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from qdsl.fx.activations import code_range
from qdsl.fx.recurrence import packed_gru
from qdsl_cpu import operations

Make = Callable[..., Any]
CASES = ((37, 1), (40, 3), (5, 2), (1, 1))  # hidden, batch
WORDS = ("f32", "int8_token", "uint8_static", "int4_static_full")


def static(word: str) -> tuple[Tensor, ...]:
    if "static" not in word:
        return ()
    return torch.tensor([0.01]), torch.tensor([float(sum(code_range(word)) // 2)])


def layer(make_format: Make, make_weight: Make, hidden: int, batch: int) -> tuple[Tensor, ...]:
    torch.manual_seed(hidden)
    weight = make_weight(make_format(group=32), 3 * hidden, hidden, seed=1, scale=0.2).packed
    return (
        torch.randn(6, batch, 3 * hidden),
        torch.randn(batch, hidden),
        weight,
        torch.randn(3 * hidden),
    )


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(("hidden", "batch"), CASES)
def test_steps_are_those_of_linear(
    hidden: int, batch: int, word: str, make_format: Make, make_weight: Make
) -> None:
    gates, h0, weight, bias = layer(make_format, make_weight, hidden, batch)
    given = (gates, h0, weight, bias, word, *static(word))
    found = operations.gru(*given)
    expected = packed_gru(operations.linear, *given)
    assert all(map(torch.equal, found, expected))
    assert torch.equal(found[0][-1], found[1])


@pytest.mark.parametrize("word", WORDS[1:])
def test_instruction_sets_and_threads_agree(
    word: str, isa: str, make_format: Make, make_weight: Make
) -> None:
    given = (*layer(make_format, make_weight, 70, 5), word, *static(word))
    expected = operations.gru(*given)
    for threads in (1, 3):
        found = operations.gru(*given, isa=isa, threads=threads)
        assert all(map(torch.equal, found, expected))


def test_odd_values(make_format: Make, make_weight: Make) -> None:
    """A state that is no number stays with its example; large gates saturate."""
    gates, h0, weight, bias = layer(make_format, make_weight, 24, 3)
    gates[0, 0], gates[0, 1] = 1e30, -1e30
    h0[2, 4] = float("nan")
    y, h = operations.gru(gates, h0, weight, bias, "int8_token")
    assert y[:, :2].isfinite().all()
    assert h[2].isnan().all()
    expected, _ = packed_gru(operations.linear, gates, h0, weight, bias, "int8_token")
    assert torch.equal(y.nan_to_num(7.0), expected.nan_to_num(7.0))


def test_no_steps(make_format: Make, make_weight: Make) -> None:
    gates, h0, weight, bias = layer(make_format, make_weight, 8, 2)
    y, h = operations.gru(gates[:0], h0, weight, bias, "f32")
    assert y.shape == (0, 2, 8)
    assert torch.equal(h, h0)
    assert h.data_ptr() != h0.data_ptr()


def test_shapes_that_do_not_fit(make_format: Make, make_weight: Make) -> None:
    gates, h0, weight, bias = layer(make_format, make_weight, 8, 2)
    with pytest.raises(ValueError, match="do not fit"):
        operations.gru(gates, h0[:1], weight, bias, "f32")
    with pytest.raises(ValueError, match="per token"):
        operations.gru(gates, h0, weight, bias, "int8_tensor")
    with pytest.raises(ValueError, match="2"):
        operations.gru(gates, h0[0], weight, bias, "f32")
