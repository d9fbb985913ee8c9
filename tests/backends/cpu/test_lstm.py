"""Holds the fused recurrence to one `linear` per step and its functions to double precision."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from qdsl_cpu import _native, operations
from qdsl_cpu.weights import repack

Make = Callable[..., Any]


def layer(
    make_format: Make, make_weight: Make, hidden: int, state: int, projected: bool
) -> tuple[Tensor, Tensor | None]:
    """Packed recurrent weight and projection, small enough that errors do not grow."""
    recurrent = make_weight(make_format(group=32), 4 * hidden, state, seed=1, scale=0.2).packed
    if not projected:
        return recurrent, None
    return recurrent, make_weight(make_format(bits=8), state, hidden, seed=2, scale=0.02).packed


def cell(gates: Tensor, c: Tensor, isa: str) -> tuple[Tensor, Tensor]:
    """h and c of one step [batch, ...] without recurrence: whatever the weight, its input is 0."""
    batch, four_hidden = gates.shape
    h = torch.zeros(batch, four_hidden // 4)
    zero = repack(
        torch.zeros(four_hidden, four_hidden // 4, dtype=torch.uint8),
        torch.ones(1, 1),
        kind="integer",
        bits=8,
        outputs=four_hidden,
        in_features=four_hidden // 4,
    )
    _, h, c = operations.lstm(gates[None], h, c, zero, None, "f32", isa=isa)
    return h, c


CASES = ((37, 37, 1), (40, 24, 3), (5, 70, 2), (1, 1, 1))  # hidden, state, batch


@pytest.mark.parametrize("mode", ["f32", "int8_token"])
@pytest.mark.parametrize(("hidden", "state", "batch"), CASES)
def test_a_step_is_two_products_and_a_cell(
    mode: str, hidden: int, state: int, batch: int, make_format: Make, make_weight: Make
) -> None:
    recurrent, projection = layer(make_format, make_weight, hidden, state, hidden != state)
    gates = torch.randn(9, batch, 4 * hidden)
    h0, c0 = torch.randn(batch, state), torch.randn(batch, hidden)
    y, last_h, last_c = operations.lstm(gates, h0, c0, recurrent, projection, mode)

    h, c = h0, c0
    for t, gate in enumerate(gates):
        sums = gate + operations.linear(h, recurrent, None, 4 * hidden, mode)
        h, c = cell(sums, c, _native.isa())
        if projection is not None:
            h = operations.linear(h, projection, None, state, mode)
        assert torch.equal(y[t], h)
    assert torch.equal(last_h, h)
    assert torch.equal(last_c, c)


@pytest.mark.parametrize(("hidden", "state", "batch"), CASES)
def test_instruction_sets_and_threads_agree(
    hidden: int, state: int, batch: int, make_format: Make, make_weight: Make
) -> None:
    recurrent, projection = layer(make_format, make_weight, hidden, state, hidden != state)
    gates = 3 * torch.randn(20, batch, 4 * hidden)
    h0, c0 = torch.randn(batch, state), torch.randn(batch, hidden)
    for mode in ("f32", "int8_token"):
        run = partial(operations.lstm, gates, h0, c0, recurrent, projection, mode)
        scalar = run(isa="scalar")
        for isa in _native.isas():
            one, two = run(isa=isa, threads=1), run(isa=isa, threads=2)
            assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
            if mode == "int8_token":
                assert all(torch.equal(a, b) for a, b in zip(one, scalar, strict=True))
            else:
                assert all(
                    torch.allclose(a, b, atol=1e-5) for a, b in zip(one, scalar, strict=True)
                )


def test_float_recurrence_is_that_of_torch(isa: str, make_format: Make, make_weight: Make) -> None:
    hidden, state = 40, 24
    recurrent, projection = layer(make_format, make_weight, hidden, state, True)
    assert projection is not None
    module = torch.nn.LSTM(7, hidden, proj_size=state).double()
    with torch.no_grad():
        module.weight_hh_l0.copy_(operations.dequantize(recurrent, 4 * hidden, state))
        module.weight_hr_l0.copy_(operations.dequantize(projection, state, hidden))
    x = torch.randn(15, 3, 7, dtype=torch.float64)
    gates = x @ module.weight_ih_l0.T + module.bias_ih_l0 + module.bias_hh_l0
    h0, c0 = torch.randn(1, 3, state).double(), torch.randn(1, 3, hidden).double()
    expected, (h, c) = module(x, (h0, c0))
    given = (gates.detach().float(), h0[0].float(), c0[0].float(), recurrent, projection)
    y = operations.lstm(*given, "f32", isa=isa)
    for actual, wanted in zip(y, (expected, h[0], c[0]), strict=True):
        torch.testing.assert_close(actual.double(), wanted.detach(), rtol=1e-4, atol=1e-4)


def values() -> Tensor:
    """Ordinary, tiny, saturating and special arguments, [batch, 16]."""
    rng = np.random.default_rng(0)
    tiny = np.float32(10.0) ** rng.uniform(-38, 0, 4000).astype(np.float32)
    wide = rng.uniform(-87, 87, 4000).astype(np.float32)
    near = rng.uniform(-4, 4, 19992).astype(np.float32)
    special = np.array([0.0, -0.0, 1e-45, 87.0, -87.0, 1e-20, -1e-20, 1.0], np.float32)
    return torch.from_numpy(np.concatenate([tiny, -tiny, wide, near, special])).reshape(-1, 16)


def functions(x: Tensor, isa: str) -> tuple[Tensor, Tensor]:
    """sigmoid(x) and tanh(x), as the cell computes them: sigmoid(x) * 1 and 1 * tanh(x)."""
    zero, large = torch.zeros_like(x), torch.full_like(x, 80.0)
    _, sigmoid = cell(torch.cat([x, zero, large, zero], dim=1), zero, isa)
    _, tanh = cell(torch.cat([large, zero, x, zero], dim=1), zero, isa)
    return sigmoid, tanh


def test_sigmoid_and_tanh_are_within_3_units_in_the_last_place(isa: str) -> None:
    x = values()
    for actual, exact in zip(
        functions(x, isa), (torch.sigmoid(x.double()), torch.tanh(x.double())), strict=True
    ):
        unit = np.spacing(np.abs(exact.float().numpy()))
        error = (actual.double() - exact).abs().numpy() / unit
        assert error.max() <= 3


def test_sigmoid_and_tanh_are_the_same_on_every_instruction_set() -> None:
    beyond = torch.tensor([float("inf"), -float("inf"), 1e30, -1e30]).repeat(1, 4)
    x = torch.cat([values(), beyond])
    scalar = functions(x, "scalar")
    for isa in _native.isas():
        for actual, expected in zip(functions(x, isa), scalar, strict=True):
            assert torch.equal(actual.view(torch.int32), expected.view(torch.int32))


def test_what_is_not_a_number_stays_in_its_example(make_format: Make, make_weight: Make) -> None:
    recurrent, projection = layer(make_format, make_weight, 24, 12, True)
    gates = torch.randn(6, 3, 96)
    h0, c0 = torch.zeros(3, 12), torch.zeros(3, 24)
    clean = operations.lstm(gates, h0, c0, recurrent, projection, "int8_token")[0]
    gates[2, 1, 5] = float("nan")
    y = operations.lstm(gates, h0, c0, recurrent, projection, "int8_token")[0]
    assert torch.equal(y[:, [0, 2]], clean[:, [0, 2]])
    assert torch.equal(y[:2], clean[:2])
    assert y[2:, 1].isnan().all()


@pytest.mark.parametrize(("time", "batch"), [(0, 2), (3, 0)])
def test_empty_sequences(time: int, batch: int, make_format: Make, make_weight: Make) -> None:
    recurrent, _ = layer(make_format, make_weight, 8, 8, False)
    h0, c0 = torch.randn(batch, 8), torch.randn(batch, 8)
    y, h, c = operations.lstm(torch.randn(time, batch, 32), h0, c0, recurrent, None, "f32")
    assert y.shape == (time, batch, 8)
    assert torch.equal(h, h0)
    assert torch.equal(c, c0)


def test_what_does_not_fit_is_refused(make_format: Make, make_weight: Make) -> None:
    recurrent, projection = layer(make_format, make_weight, 24, 12, True)
    gates, h0, c0 = torch.randn(6, 3, 96), torch.zeros(3, 12), torch.zeros(3, 24)
    cases = (
        (gates[:, :, :95], h0, c0, recurrent, projection, "states"),
        (gates, h0[:2], c0, recurrent, projection, "states"),
        (gates, h0, c0[:, :23], recurrent, projection, "states"),
        (gates, h0[:, :11], c0, recurrent, projection, "last dimension"),
        (gates, h0, c0, recurrent, None, "without a projection"),
        (gates, h0, c0, projection, projection, "last dimension"),
        (gates.double(), h0, c0, recurrent, projection, "float32"),
    )
    for *arguments, message in cases:
        with pytest.raises(ValueError, match=message):
            operations.lstm(*arguments, "f32")  # type: ignore[arg-type]
