"""Every operation on fixed integers, to the bit: what kernels of other back ends must give."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from qdsl.fx.integer import (
    arithmetic,
    codes,
    embeddings,
    gates,
    norms,
    polynomials,
    products,
    rounding,
    softmax,
)
from qdsl.fx.integer.rounding import Multiplier
from qdsl.fx.integer.tables import looked_up

WIDE = [-32768, -32767, -20000, -385, -384, -128, -1, 0, 1, 127, 128, 384, 12345, 32767]
NARROW = [-127, -64, -3, -1, 0, 1, 2, 90, 127]


def _wide(*q: int) -> Tensor:
    return torch.tensor(q or WIDE, dtype=torch.int16)


def _by(mantissas: list[list[int]] | list[int], shift: int) -> Multiplier:
    m = torch.tensor(mantissas)
    return Multiplier(m, torch.full((*m.shape[:-1], 1), shift))


def _vectors() -> dict[str, Tensor]:
    x, y = _wide(), _wide().flip(0)
    a = torch.tensor(NARROW, dtype=torch.int8)
    ramp = (torch.arange(256) * 37 % 256).to(torch.uint8)
    weight = torch.arange(-9, 9).view(2, 9)
    bias = torch.tensor([1000, -70000], dtype=torch.int32)
    one = _by([0x40000001], 30)
    each = Multiplier(torch.tensor([1 << 30, -(3 << 28), 99]), torch.tensor([36, 37, 20]))
    to_q = _by([1518500250], 27)
    rows = _wide(5, -7, 300, -32767, 32767, 32767).view(2, 3)
    offset, epsilon = torch.tensor([0, 50, -50], dtype=torch.int32), torch.tensor(9)
    functions = gates.by_tables(ramp, ramp.flip(0))
    state = _wide(100, -32767, 32767)
    gate = torch.cat([x, y])[:12].view(1, 12)
    cell = gates.Cell(_by([1 << 27, 1 << 30], 34), _by([5 << 28], 30))
    lstm = gates.lstm_step(gate, state[None], functions, cell)
    return {
        "shifted": rounding.shifted(x.long(), 3),
        "divided": rounding.divided(x.long(), torch.tensor(24)),
        "square_root": rounding.square_root(x.long().abs() ** 4 + 5),
        "narrow": codes.narrow(x),
        "requantized": codes.requantized(x, one),
        "add": arithmetic.add(x, y, _by([1 << 30, 1 << 29], 31)),
        "subtract": arithmetic.add(x, y, _by([1 << 30, 1 << 29], 31), -1),
        "multiply": arithmetic.multiply(x, y, _by([1 << 30], 44)),
        "divide": arithmetic.divide(x, y, _by([1 << 30], 18)),
        "total": arithmetic.total(x, 0, True, _by([1 << 30], 30)),
        "mean": arithmetic.mean(x.view(2, 7), 1, False),
        "from_integers": arithmetic.from_integers(torch.tensor([-(2**40), -3, 7]), one),
        "linear": products.linear(a, weight, bias, _by([[1 << 30], [3 << 28]], 33), 9),
        "grouped": products.linear(a, weight, bias, _by([[1 << 30, 7], [5, 3 << 28]], 33), 5),
        "einsum": products.einsum("i,j->ij", a[:4], a[-3:], _by([1 << 30], 28)),
        "embedding": embeddings.embedding(
            torch.tensor([1, 0]), weight, _by([[1 << 30], [3 << 28]], 25), 9
        ),
        "table": looked_up(x, ramp),
        "softmax_table": softmax.by_table(x[1:], 0, ramp),
        "softmax_polynomial": softmax.by_polynomial(x, 0, to_q),
        "decay": polynomials.decay(torch.tensor([0, 1, 726816, 726817, 1 << 21, 1 << 30])),
        "sigmoid": polynomials.sigmoid(x, to_q),
        "tanh": polynomials.tanh(x, to_q),
        "silu": polynomials.silu(x, to_q, _by([1 << 30], 45)),
        "gelu": polynomials.gelu(x, to_q, _by([1 << 30], 45)),
        "layer_norm": norms.layer_norm(rows, each, offset, epsilon),
        "scale_and_shift": arithmetic.scale_and_shift(rows, each, offset),
        "lstm_h": lstm[0],
        "lstm_c": lstm[1],
        "gru": gates.gru_step(gate[:, :9], gate[:, 3:], state[None], functions),
    }


def test_vectors(golden: Callable[[Path, str], None]) -> None:
    lines = [f"{name} {v.flatten().tolist()}" for name, v in _vectors().items()]
    golden(Path(__file__).parent / "vectors.txt", "\n".join(lines) + "\n")
