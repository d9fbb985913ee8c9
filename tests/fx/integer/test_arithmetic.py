"""Integer operations against the same ones on floats, within stated bounds.

A step is s/256 of the result. What is rounded once is within half a step and what multipliers of 31
bits lose, together less than one.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from qdsl.fx.integer import arithmetic, codes, embeddings, norms, polynomials, products, softmax
from qdsl.fx.integer.codes import MASKED, ONE, STEPS, WIDE_MAX
from qdsl.fx.integer.rounding import Multiplier, multiplier
from qdsl.fx.integer.tables import FUNCTIONS, decay_table, looked_up, table
from qdsl.ir.integer import UNIT

few = settings(max_examples=25, deadline=None)
seeds = st.integers(0, 2**31)
scales = st.floats(2**-12, 2**4, width=32)


def _wide(seed: int, *shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-WIDE_MAX, WIDE_MAX + 1, shape, generator=generator).to(torch.int16)


def _by(*real: float) -> Multiplier:
    return multiplier(torch.tensor(real, dtype=torch.float64))


def _value(q: Tensor, scale: float) -> Tensor:
    return q.double() * scale / STEPS


def _close(found: Tensor, scale: float, expected: Tensor, steps: float = 1.0) -> None:
    limit = WIDE_MAX * scale / STEPS
    difference = (_value(found, scale) - expected.clamp(-limit, limit)).abs().max()
    assert float(difference) <= steps * scale / STEPS


@few
@given(seeds, scales)
def test_codes_survive_floats(seed: int, scale: float) -> None:
    q, s = _wide(seed, 1000), torch.tensor(scale)
    values = codes.dequantize(q, s)
    assert torch.equal(codes.quantize(values, s), q)
    assert torch.equal(codes.recover(values, s), q)
    masked = torch.tensor([MASKED], dtype=torch.int16)
    assert torch.equal(codes.recover(codes.dequantize(masked, s), s), masked)


@few
@given(seeds, scales, scales, scales)
def test_add_and_subtract(seed: int, sa: float, sb: float, so: float) -> None:
    a, b = _wide(seed, 64), _wide(seed + 1, 64)
    by = _by(sa / so, sb / so)
    _close(arithmetic.add(a, b, by), so, _value(a, sa) + _value(b, sb))
    _close(arithmetic.add(a, b, by, -1), so, _value(a, sa) - _value(b, sb))


@few
@given(seeds, scales, scales, scales)
def test_multiply_and_divide(seed: int, sa: float, sb: float, so: float) -> None:
    a, b = _wide(seed, 64), _wide(seed + 1, 64)
    product = _value(a, sa) * _value(b, sb)
    _close(arithmetic.multiply(a, b, _by(sa * sb / STEPS / so)), so, product)
    b = torch.where(b == 0, 1, b)
    quotient = _value(a, sa) / _value(b, sb)
    _close(arithmetic.divide(a, b, _by(STEPS * sa / sb / so)), so, quotient)


def test_a_divisor_of_0_saturates() -> None:
    a = torch.tensor([5, -5, 0], dtype=torch.int16)
    found = arithmetic.divide(a, torch.zeros_like(a), _by(1.0))
    assert found.tolist() == [WIDE_MAX, -WIDE_MAX, 0]


@few
@given(seeds, st.integers(1, 300), scales, scales)
def test_sums_and_means(seed: int, n: int, s: float, so: float) -> None:
    x = _wide(seed, 3, n)
    _close(arithmetic.total(x, 1, False, _by(s / so)), so, _value(x, s).sum(1))
    _close(arithmetic.mean(x, 1, True), s, _value(x, s).mean(1, True))


@few
@given(seeds, st.integers(1, 70), st.integers(1, 3), st.booleans())
def test_linear_is_within_a_step(seed: int, k: int, groups: int, bias: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = codes.narrow(_wide(seed, 4, k))
    weight = torch.randint(-255, 256, (6, k), generator=generator)
    size = -(-k // groups)
    groups = -(-k // size)
    s_w = torch.rand(6, groups, generator=generator).double() / 100 + 1e-4
    s_x, so = 0.03, 0.7
    b = torch.randn(6, generator=generator) if bias else None
    dense = weight * s_w.repeat_interleave(size, 1)[:, :k]
    expected = x.double() * s_x @ dense.T + (0 if b is None else b.double())
    unit = s_w * s_x
    given_bias = None if b is None else products.bias_codes(b, unit.amax(1))
    by = multiplier(unit * STEPS / so)
    # half a step, half a unit of the bias, and what mantissas lose
    loss = float(unit.max()) * STEPS / so
    _close(products.linear(x, weight, given_bias, by, size), so, expected, 1 + loss)


def test_sums_of_65536_terms_do_not_overflow() -> None:
    k = products.MOST_TERMS
    x = torch.full((1, k), -127, dtype=torch.int8)
    weight = torch.full((1, k), 255)
    bias = torch.tensor([-products.BIAS_MAX], dtype=torch.int32)
    by = multiplier(torch.tensor([[1 - 2.0**-31]], dtype=torch.float64))
    total = products.terms(x, weight, bias, by.mantissa, k)
    exact = (-127 * 255 * k - products.BIAS_MAX) * by.mantissa.item()
    assert total.item() == exact
    assert abs(exact) < 2**63
    assert products.linear(x, weight, bias, by, k).item() == -WIDE_MAX


def test_parts_of_the_input_stay_apart() -> None:
    x = torch.tensor([[1, 2, 10, 20]], dtype=torch.int8)
    weight = torch.tensor([[1, 1], [1, -1], [1, 1], [0, 1]])
    assert products.sums(x, weight, 2, 2)[..., 0].tolist() == [[3, -1, 30, 20]]
    assert products.sums(x, weight, 2, 1).tolist() == [[[1, 2], [1, -2], [10, 20], [0, 20]]]


@few
@given(seeds, st.integers(1, 9), scales)
def test_embedding(seed: int, groups: int, so: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randint(-128, 128, (5, 9), generator=generator)
    size = -(-9 // groups)
    s_w = torch.rand(5, -(-9 // size), generator=generator).double() / 50 + 1e-4
    ids = torch.tensor([[0, 4], [2, 2]])
    found = embeddings.embedding(ids, weight, multiplier(s_w * STEPS / so), size)
    dense = weight * s_w.repeat_interleave(size, 1)[:, :9]
    _close(found, so, dense[ids])


@few
@given(seeds, st.integers(1, 300), st.floats(2**-8, 4, width=32))
def test_layer_norm_is_within_four_steps(seed: int, n: int, s: float) -> None:
    x = _wide(seed, 5, n)
    gain = torch.linspace(-2, 2, n)
    offset = torch.linspace(1, -1, n)
    so = (n**0.5 * 2 + 1) / 127
    step = so / STEPS
    found = norms.layer_norm(
        x,
        _row(gain.double() * 2.0**-norms.FRACTION / step),
        torch.round(offset / step).to(torch.int32),
        norms.epsilon_codes(1e-5, n, torch.tensor(s)),
    )
    value = _value(x, s)
    expected = torch.nn.functional.layer_norm(value, (n,), gain.double(), offset.double(), 1e-5)
    _close(found, so, expected, 4)


def _row(real: Tensor) -> Multiplier:
    return multiplier(real.unsqueeze(-1)).each()


@pytest.mark.parametrize("extreme", [WIDE_MAX, -WIDE_MAX])
def test_layer_norm_of_65536_does_not_overflow(extreme: int) -> None:
    n = 1 << 16
    x = torch.full((2, n), -extreme, dtype=torch.int16)
    x[0, : n // 2] = extreme  # the largest variance
    x[1, 0] = extreme  # the largest quotient, sqrt(n) = 256
    one = _row(torch.full((n,), 2.0**-norms.FRACTION * 127, dtype=torch.float64))
    epsilon = norms.epsilon_codes(1e-5, n, torch.tensor(1e-30))
    none, sign = torch.zeros(n, dtype=torch.int32), 1 if extreme > 0 else -1
    z = norms.layer_norm(x, one, none, torch.zeros((), dtype=torch.int64))
    assert z[0, [0, -1]].tolist() == [127 * sign, -127 * sign]
    assert z[1, 0] == round(127 * 65535**0.5) * sign
    # ε saturates at half the largest variance
    assert norms.layer_norm(x, one, none, epsilon)[0, 0] == round(127 / 1.5**0.5) * sign


@few
@given(seeds, st.integers(1, 40), st.floats(2**-9, 0.5, width=32))
def test_softmax(seed: int, n: int, s: float) -> None:
    x = _wide(seed, 3, n)
    expected = torch.softmax(_value(x, s), -1)
    step = torch.tensor(s).double() / STEPS
    polynomial = softmax.by_polynomial(x, -1, multiplier(step.view(1) * polynomials.Q))
    # the polynomial is within 0.003 of exp
    _close(polynomial, UNIT, expected, 0.007 * ONE)
    tabled = softmax.by_table(x, -1, decay_table(torch.tensor(s)))
    # a line is within s²/8 of exp, an entry within 1/510
    share = (n + 1) * (s * s / 8 + 1 / 510) * ONE
    _close(tabled, UNIT, expected, share)


@pytest.mark.parametrize("form", ["table", "polynomial"])
def test_what_is_masked_has_no_share(form: str) -> None:
    x = torch.tensor([[MASKED, 100, 100], [MASKED] * 3, [MASKED, -WIDE_MAX, WIDE_MAX]])
    x = x.to(torch.int16)
    if form == "table":
        found = softmax.by_table(x, -1, decay_table(torch.tensor(0.1)))
    else:
        found = softmax.by_polynomial(x, -1, _by(0.1 / STEPS * polynomials.Q))
    assert found.tolist() == [[0, ONE // 2, ONE // 2], [0, 0, 0], [0, 0, ONE]]


def test_constants_of_where_saturate() -> None:
    scale = torch.tensor(0.1)
    found = [int(arithmetic.constant(c, scale)) for c in (-1e9, float("-inf"), 1e9, 0.0, 0.1)]
    assert found == [MASKED, MASKED, WIDE_MAX, 0, STEPS]


ARGUMENT, RESULT = torch.tensor(0.05), torch.tensor(0.06)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_tables_are_the_functions_to_half_an_entry(function: str) -> None:
    entries = table(function, ARGUMENT, RESULT)
    q = torch.arange(-127, 128) * STEPS
    expected = FUNCTIONS[function](_value(q, 0.05)).nan_to_num(0, posinf=1e9, neginf=-1e9)
    if function == "log":
        expected = torch.where(q <= 0, -1e9, expected)
    limit = 127 * float(RESULT)
    found = _value(looked_up(q.to(torch.int16), entries), float(RESULT))
    assert float((found - expected.clamp(-limit, limit)).abs().max()) <= float(RESULT) * 0.5001


# errors of the polynomials themselves: of the whole for sigmoid and tanh, of |x| for silu and gelu
@pytest.mark.parametrize(("function", "bound"), [("sigmoid", 0.002), ("tanh", 0.004)])
def test_polynomials_of_gates(function: str, bound: float) -> None:
    q = torch.arange(-WIDE_MAX, WIDE_MAX + 1).to(torch.int16)
    scale = 8 / 127
    by = _by(scale / STEPS * polynomials.Q)
    found = getattr(polynomials, function)(q, by).double() / ONE
    expected = FUNCTIONS[function](_value(q, scale))
    assert float((found - expected).abs().max()) <= bound


def test_polynomials_of_silu_and_gelu() -> None:
    q, scale, result = torch.arange(-WIDE_MAX, WIDE_MAX + 1).to(torch.int16), 8 / 127, 9 / 127
    by = _by(scale / STEPS * polynomials.Q)
    silu = polynomials.silu(q, by, _by(scale * UNIT / STEPS / result))
    expected = FUNCTIONS["silu"](_value(q, scale))
    assert float((_value(silu, result) - expected).abs().max()) <= 0.006
    by = _by(scale / STEPS * polynomials.Q / 2**0.5)
    gelu = polynomials.gelu(q, by, _by(scale * 2.0**-15 / result))
    expected = FUNCTIONS["gelu"](_value(q, scale))
    assert float((_value(gelu, result) - expected).abs().max()) <= 0.02
