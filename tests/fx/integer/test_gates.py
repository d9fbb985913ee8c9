"""Cells of LSTM and GRU on integers against torch's."""

import pytest
import torch
from torch import Tensor

from qdsl.fx.cell import gru_cell, lstm_cell
from qdsl.fx.integer import gates
from qdsl.fx.integer.codes import ONE, STEPS, dequantize, quantize
from qdsl.fx.integer.rounding import multiplier
from qdsl.fx.integer.tables import table
from qdsl.ir.integer import CELL as CELL_SCALE
from qdsl.ir.integer import GATE, UNIT

ARGUMENT, RESULT = torch.tensor(GATE), torch.tensor(UNIT)
CELL = torch.tensor(CELL_SCALE)


def _functions(form: str) -> gates.Gates:
    if form == "polynomial":
        return gates.by_polynomials(torch.device("cpu"))
    return gates.by_tables(*(table(f, ARGUMENT, RESULT) for f in ("sigmoid", "tanh")))


def _cell() -> gates.Cell:
    unit, cell = float(RESULT), float(CELL)
    update = torch.tensor([unit / STEPS, unit * unit / STEPS / cell], dtype=torch.float64)
    argument = torch.tensor([cell / float(ARGUMENT)], dtype=torch.float64)
    return gates.Cell(multiplier(update), multiplier(argument))


def _random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)))


@pytest.mark.parametrize("form", ["table", "polynomial"])
def test_lstm_stays_near_the_float_one(form: str) -> None:
    steps = _random(20, 3, 16)
    h = c = torch.zeros(3, 4)
    q_c = quantize(c, CELL)
    for step in steps:
        h, c = lstm_cell(step, c)
        q_h, q_c = gates.lstm_step(quantize(step, ARGUMENT), q_c, _functions(form), _cell())
        assert q_h.dtype == q_c.dtype == torch.int16
        assert float((dequantize(q_h, RESULT) - h).abs().max()) < 0.008
        assert float((dequantize(q_c, CELL) - c).abs().max()) < 0.012


@pytest.mark.parametrize("form", ["table", "polynomial"])
def test_gru_stays_near_the_float_one(form: str) -> None:
    h = torch.zeros(3, 4)
    q_h = quantize(h, RESULT)
    for given, recurrent in zip(_random(20, 3, 12), _random(20, 3, 12, 1)[..., 0], strict=True):
        h = gru_cell(given, recurrent, h)
        of_x, of_h = (quantize(x, ARGUMENT) for x in (given, recurrent))
        q_h = gates.gru_step(of_x, of_h, q_h, _functions(form))
        assert float((dequantize(q_h, RESULT) - h).abs().max()) < 0.012


def test_a_cell_saturates() -> None:
    full = torch.full((1, 4), 32767, dtype=torch.int16)
    c = torch.full((1, 1), 32767, dtype=torch.int16)
    h, c = gates.lstm_step(full, c, _functions("table"), _cell())
    assert (c.item(), h.item()) == (32767, ONE)
