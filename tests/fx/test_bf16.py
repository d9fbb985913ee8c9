"""Holds activations in bf16 to their definition: rounded, trained, packed, loaded and verified."""

import numpy as np
import pytest
import torch

from qdsl.fx import build, load, verify
from qdsl.fx.activations import fake_quantize, round_values
from qdsl.fx.bounds import FLUSHED, UNIT
from qdsl.fx.canonical import encode
from qdsl.fx.cell import gru_cell, lstm_cell
from qdsl.fx.numerics import State, quantize
from qdsl.fx.ops import operation
from qdsl.fx.products import matmul, rounded
from qdsl.fx.reference_weight import repack
from qdsl.ir.format import FloatFormat
from qdsl.layers.linear import Linear
from qdsl.spec import load_spec

SPEC = """qspec 1
import std.attention { MultiHeadAttention }

model Net {
    conv = Conv1d(8, 16, kernel = 3)
    image = Conv1d(16, 16, kernel = 3, groups = 8)
    attention = MultiHeadAttention(16, 4, causal = true)
    rnn = LSTM(16 -> 24, projection = 16)
    gru = GRU(16 -> 16)
    out = Linear(16 -> 5)

    entry forward(x: f32[B, T, 8]) {
        y = relu(image(conv(x)))
        return out(gru(rnn(attention(y))))
    }
}

policy plain for Net {
    default { weights = int4(group = 8) }
    image { weights = int8 }
}

policy half for Net extends plain {
    {conv, image, out, rnn, gru} { activations = bf16 }
    attention.**:Linear { weights = nf4(group = 8); activations = bf16; output = bf16 }
    {rnn, gru} { state = bf16 }
    attention.** { matmul = bf16; softmax = bf16 }
}

policy same for Net extends half {
    {conv, image, out, rnn, gru} { activations = f32 }
    attention.**:Linear { activations = f32; output = f32 }
    {rnn, gru} { state = f32 }
    attention.** { matmul = f32; softmax = f32 }
}

variant rounded { model = Net  policy = half }
variant floats { model = Net  policy = same }
"""
X = torch.randn(2, 9, 8)


@pytest.fixture(scope="module")
def variants(tmp_path_factory):
    path = tmp_path_factory.mktemp("bf16") / "net.qspec"
    path.write_text(SPEC)
    return load_spec(path).variants


@pytest.fixture(scope="module")
def program(variants):
    torch.manual_seed(1)
    program = variants["rounded"].program(seed=0).to_qat().train()
    optimizer = torch.optim.Adam(program.parameters(), 1e-3)
    for _ in range(2):
        optimizer.zero_grad()
        program(torch.randn(2, 9, 8)).square().mean().backward()
        optimizer.step()
    assert all(p.grad is not None and p.grad.any() for p in program.parameters())
    return program.eval()


def by_bits(x):
    """The nearest bf16 of finite f32 numbers, ties to even, by their bits."""
    bits = x.numpy().view(np.uint32).astype(np.uint64)
    kept = (bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16
    return torch.from_numpy(kept.astype(np.uint32).view(np.float32))


def test_to_nearest_ties_to_even():
    x = torch.cat((torch.randn(1000) * torch.logspace(-44, 38, 1000), torch.tensor([-0.0, 3e-39])))
    # halfway between two numbers of 8 bits, the lower of them even and odd
    x = torch.cat((x, torch.tensor([1 + 2.0**-8, 1 + 3 * 2.0**-8, 3.4e38])))
    found = round_values(x, "bf16")
    assert torch.equal(found, by_bits(x))
    assert found[-3:].tolist() == [1, 1 + 2.0**-6, float("inf")]
    assert torch.equal(round_values(found, "bf16"), found)


def test_what_is_not_finite_stays_and_touches_no_other():
    x = torch.tensor([float("nan"), float("inf"), -float("inf"), 1.0])
    assert str(round_values(x, "bf16").tolist()) == "[nan, inf, -inf, 1.0]"


def test_gradient_is_1():
    x, given = torch.randn(2, 4, requires_grad=True), torch.randn(2, 4)
    fake_quantize(x, "bf16").backward(given)
    assert torch.equal(x.grad, given)


# ---- operations of the reference ---------------------------------------------------------------


def packed(make, *shape, word="int4", **options):
    return packed_of(make, torch.randn(shape), word, **options)


def packed_of(make, values, word="int4", **options):
    format = make.format(word, **options)
    return repack(encode(quantize(values, format, State()), None, format))


def call(name, *arguments):
    return operation(name, "reference")(*arguments)


@pytest.mark.parametrize("word", ["int4", "nf4", "binary"])
def test_a_product_is_exact_and_rounded_once(make, word):
    weight, x, bias = packed(make, 6, 16, word=word, group=8), torch.randn(5, 16), torch.randn(6)
    expected = call("linear", by_bits(x), weight, bias, 6, "f32")
    assert torch.equal(call("linear", x, weight, bias, 6, "bf16"), expected)
    assert not torch.equal(call("linear", x, weight, bias, 6, "f32"), expected)


@pytest.mark.parametrize("word", ["f32", "bf16"])
def test_each_group_of_a_product_has_its_own_outputs(make, word):
    values, x = torch.randn(6, 8), torch.randn(2, 5, 16)
    geometry = [1], [1], [0, 0], [1], 2
    found = call("conv", x, packed_of(make, values), None, 6, *geometry, word)
    pairs = zip(x.split(8, -1), values.split(3), strict=True)
    parts = [call("linear", own, packed_of(make, w), None, 3, word) for own, w in pairs]
    torch.testing.assert_close(found, torch.cat(parts, -1), rtol=2e-7, atol=1e-7)


def test_states_of_recurrences_are_rounded(make):
    recurrent, projection = packed(make, 20, 3), packed(make, 3, 5)
    gates, h, c = torch.randn(4, 2, 20), torch.randn(2, 3), torch.randn(2, 5)
    y, _, _ = call("lstm", gates, h, c, recurrent, projection, "bf16")
    for t in range(4):
        h, c = lstm_cell(call("linear", by_bits(h), recurrent, None, 20, "f32") + gates[t], c)
        h = call("linear", by_bits(h), projection, None, 3, "f32")
        assert torch.equal(y[t], h)
    weight, bias, h = packed(make, 15, 5), torch.randn(15), torch.randn(2, 5)
    y, _ = call("gru", gates[..., :15], h, weight, bias, "bf16")
    for t in range(4):
        h = gru_cell(gates[t, :, :15], call("linear", by_bits(h), weight, bias, 15, "f32"), h)
        assert torch.equal(y[t], h)


def test_operands_of_a_product_of_two():
    x, y = torch.randn(2, 3, 8), torch.randn(2, 4, 8)
    expected = torch.einsum("bik,bjk->bij", by_bits(x).double(), by_bits(y).double()).float()
    none = (None, None)
    assert torch.equal(matmul("bik,bjk->bij", x, y, "bf16", none, none), expected)
    near = rounded("bik,bjk->bij", x, y, "bf16")
    torch.testing.assert_close(near, expected, rtol=1e-5, atol=1e-5)


# ---- models ------------------------------------------------------------------------------------


def test_nothing_is_stored_of_a_rounding(variants):
    reports = (variants[name].size() for name in ("rounded", "floats"))
    sizes = [{row.path: row.total_bytes for row in report.rows} for report in reports]
    assert sizes[0] == sizes[1]


def test_what_was_trained_is_what_is_packed(program, tmp_path):
    path = tmp_path / "net.qpack"
    assert program.pack(path) == path.stat().st_size
    near, packed = program(X), load(path, "reference")
    report = verify(program, path, [("forward", (X,))], "reference")
    assert report.ok, str(report)
    # no product is one of integers, so that each has a bound above 0
    assert all(r.bound > 0 for r in report.layers if r.kind in ("Linear", "Conv", "Lstm", "Gru"))
    assert {r.kind for r in report.layers} == {"Conv", "Linear", "Einsum", "Softmax", "Lstm", "Gru"}
    exact = program.exact()
    assert torch.equal(packed(X), exact(X))
    torch.testing.assert_close(exact(X), near, atol=5e-3, rtol=5e-2)
    program.exact(False)


def test_the_bound_is_that_of_the_contracts(make, tmp_path):
    """(G + 4)·2^-24·Σ|x·w| over x as it is rounded, and not as it is given."""
    layer = make.layer_model(
        Linear(16, 4, bias=False),
        make.type("f32", "B", 16),
        format=make.format("int8", group=8),
        activations=FloatFormat(),
    )
    program = build(layer).to_qat().eval()
    program.pack(tmp_path / "m")
    x = torch.full((1, 16), 1 + 2.0**-9)
    (found,) = verify(program, tmp_path / "m", [("forward", (x,))], "reference").layers
    weight = load(tmp_path / "m", "reference")(torch.eye(16)).T
    largest = float(6 * UNIT * weight.double().abs().sum(-1).max())
    assert found.bound == pytest.approx(largest, rel=1e-6)
    assert FLUSHED < UNIT * 2.0**-90
