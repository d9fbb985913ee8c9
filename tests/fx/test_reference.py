"""Compares the reference operations with loops over the numbers they are defined by."""

import math

import numpy as np
import pytest
import torch

from qdsl.fx import ops
from qdsl.fx.canonical import decode, encode
from qdsl.fx.cell import gru_cell, lstm_cell, sigmoid, tanh
from qdsl.fx.masks import nm_mask
from qdsl.fx.numerics import State, quantize
from qdsl.fx.reference_weight import repack
from qdsl.ir.pattern import NM

OUTPUTS, K = 3, 16
F32 = np.float32

FORMATS = [
    ("int8", (), {}),
    ("int4", (), {"group": 5, "tail": "short"}),
    ("int4", ("asymmetric",), {"group": 8, "scale": "f16"}),
    ("int2", ("asymmetric",), {"zero": "f32", "group": 8}),
    ("int3", (), {"levels": "half", "per": "tensor"}),
    ("ternary", (), {"group": 4}),
    ("binary", (), {}),
    ("int4", (), {"group": 8, "pattern": NM(2, 4)}),
]


@pytest.fixture(params=FORMATS, ids=lambda f: f"{f[0]}-{'-'.join(map(str, f[2].values()))}")
def weight(request, make):
    name, flags, options = request.param
    format = make.format(name, *flags, **options)
    values = torch.randn(OUTPUTS, K)
    mask = nm_mask(values, options["pattern"]) if "pattern" in options else None
    return quantize(values, format, State(mask)), mask, format


def buffer(weight) -> torch.Tensor:
    return repack(encode(*weight))


def tables(weight):
    """Per output and position: centred code, group, scale, float zero; from the definition."""
    found, mask, format = weight
    codes = found.codes.numpy().astype(np.float64)
    size = getattr(format.grouping, "size", K)
    group = np.arange(K) // size
    scale = np.broadcast_to(found.scale.numpy(), (OUTPUTS, group[-1] + 1))
    zero = np.zeros_like(scale) if found.zero is None else found.zero.numpy()
    floating = type(format.zero).__name__ == "FloatZero"
    half = getattr(format.grid, "levels", None) == "half"
    centred = codes + 0.5 * half - (0 if floating else zero[:, group])
    if mask is not None:
        centred = np.where(mask.numpy(), centred, 0)
    return centred, group, scale, zero if floating else np.zeros_like(scale)


def call(name, *arguments):
    return ops.operation(name, ops.REFERENCE)(*arguments)


def test_bytes_come_back(weight):
    found, mask, format = weight
    back = decode(encode(found, mask, format))
    codes = found.codes if mask is None else torch.where(mask, found.codes, 0.0)
    assert torch.equal(back.quantized.codes, codes)
    assert torch.equal(back.quantized.scale, found.scale)
    assert mask is None or torch.equal(back.mask, mask)
    assert found.zero is None or torch.equal(back.quantized.zero, found.zero)


def test_dequantize(weight):
    centred, group, scale, zero = tables(weight)
    expected = scale[:, group] * centred.astype(F32) - zero[:, group]
    result = call("dequantize", buffer(weight), OUTPUTS, K)
    assert (result.numpy() == expected).all()
    ids = torch.tensor([[2, 0]])
    assert torch.equal(call("embedding", ids, buffer(weight), K), result[ids])


def test_float_activations(weight):
    centred, group, scale, zero = tables(weight)
    exact = scale[:, group].astype(np.float64) * centred - zero[:, group].astype(np.float64)
    x, bias = torch.randn(2, 3, K), torch.randn(OUTPUTS)
    result = call("linear", x, buffer(weight), bias, OUTPUTS, "f32")
    expected = (x.double().numpy() @ exact.T).astype(F32) + bias.numpy()
    # the order of a sum in float64 shows in f32 only at a tie
    np.testing.assert_allclose(result.numpy(), expected, rtol=2e-7, atol=1e-7)


@pytest.mark.parametrize("bias", [True, False])
def test_integer_activations(weight, bias):
    centred, group, scale, zero = tables(weight)
    x = torch.randn(4, K)
    offset = torch.randn(OUTPUTS) if bias else None
    result = call("linear", x, buffer(weight), offset, OUTPUTS, "int8_token")
    for row in range(4):
        top = F32(np.abs(x[row].numpy()).max())
        codes = np.rint(x[row].numpy() * (F32(127) / top)).astype(np.float64)
        for n in range(OUTPUTS):
            t = F32(0)
            for g in range(group[-1] + 1):
                at = group == g
                term = F32((codes[at] * centred[n, at]).sum()) * scale[n, g]
                if zero.any():
                    term = term - F32(codes[at].sum()) * zero[n, g]
                t = t + term
            y = t * (top / F32(127))
            assert result[row, n].item() == (y + offset[n].numpy() if bias else y)


def test_per_tensor_is_per_example(weight):
    x = torch.randn(2, 3, K)
    packed = buffer(weight)
    both = call("linear", x, packed, None, OUTPUTS, "int8_tensor")
    alone = call("linear", x[1:], packed, None, OUTPUTS, "int8_tensor")
    assert torch.equal(both[1:], alone)


def test_rows_that_are_not_finite(weight):
    x = torch.randn(3, K)
    packed = buffer(weight)
    clean = call("linear", x, packed, None, OUTPUTS, "int8_token")
    x[1, 2] = math.inf
    result = call("linear", x, packed, None, OUTPUTS, "int8_token")
    assert result[1].isnan().all()
    assert torch.equal(result[[0, 2]], clean[[0, 2]])


@pytest.mark.parametrize("state", ["f32", "int8_token"])
@pytest.mark.parametrize("projection", [None, 3])
def test_lstm_is_its_steps(make, state, projection):
    format, hidden = make.format("int8"), 5
    size = projection or hidden

    def packed(*shape):
        return repack(encode(quantize(torch.randn(shape), format, State()), None, format))

    recurrent = packed(4 * hidden, size)
    weight_hr = packed(projection, hidden) if projection else None
    gates, h, c = torch.randn(4, 2, 4 * hidden), torch.randn(2, size), torch.randn(2, hidden)
    y, last_h, last_c = call("lstm", gates, h, c, recurrent, weight_hr, state)
    for t in range(4):
        product = call("linear", h, recurrent, None, 4 * hidden, state)
        h, c = lstm_cell(product + gates[t], c)
        if weight_hr is not None:
            h = call("linear", h, weight_hr, None, projection, state)
        assert torch.equal(y[t], h)
    assert torch.equal(last_h, h)
    assert torch.equal(last_c, c)


@pytest.mark.parametrize("state", ["f32", "int8_token"])
def test_gru_is_its_steps(make, state):
    format, hidden = make.format("int8"), 5
    weight = torch.randn(3 * hidden, hidden)
    recurrent = repack(encode(quantize(weight, format, State()), None, format))
    gates, h, bias = torch.randn(4, 2, 15), torch.randn(2, hidden), torch.randn(15)
    y, last_h = call("gru", gates, h, recurrent, bias, state)
    for t in range(4):
        product = call("linear", h, recurrent, bias, 3 * hidden, state)
        h = gru_cell(gates[t], product, h)
        assert torch.equal(y[t], h)
    assert torch.equal(last_h, h)
    assert call("gru", gates[:0], h, recurrent, bias, state)[0].shape == (0, 2, hidden)


def test_the_gru_cell_is_that_of_torch():
    cell = torch.nn.GRUCell(4, 6)
    x, h = torch.randn(3, 4), torch.randn(3, 6)
    given = torch.nn.functional.linear(x, cell.weight_ih, cell.bias_ih)
    recurrent = torch.nn.functional.linear(h, cell.weight_hh, cell.bias_hh)
    torch.testing.assert_close(gru_cell(given, recurrent, h), cell(x, h), rtol=1e-5, atol=1e-6)


def test_cell_functions_are_accurate():
    x = torch.cat((torch.linspace(-100, 100, 20001), torch.logspace(-20, 0, 1000)))
    exact = x.double()
    for function, reference in ((sigmoid, torch.sigmoid), (tanh, torch.tanh)):
        wanted = reference(exact)
        error = (function(x).double() - wanted).abs()
        normal = wanted.abs() > 1.2e-38
        assert (error / wanted.abs())[normal & (exact.abs() < 87)].max() < 4 * 2**-24
        assert error.max() < 2**-22
    assert tanh(torch.tensor(-0.0)).signbit()
    assert sigmoid(torch.tensor(math.nan)).isnan()
    assert tanh(torch.tensor(math.nan)).isnan()


def test_a_foreign_buffer_is_refused():
    with pytest.raises(ValueError, match="did not repack"):
        call("dequantize", torch.zeros(64, dtype=torch.uint8), OUTPUTS, K)


@pytest.mark.parametrize("type", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("word", ["f32", "bf16", "int8_token", "int8_static"])
def test_results_are_what_shapes_say(weight, word, type):
    """Of the type of what is given, and contiguous: graphs are exported with that."""
    packed, x = buffer(weight), torch.randn(2, 6, K).to(type)
    range = (torch.tensor([0.1]), None) if "static" in word else ()
    calls = [
        ("linear", x, packed, torch.randn(OUTPUTS), OUTPUTS, word, *range),
        ("conv", x, packed, None, OUTPUTS, [1], [2], [1, 0], [1], 1, word, *range),
        ("matmul", x, x, "btk,bsk->tbs", word, *range, *range),
        ("round", x, "bf16" if word == "f32" else word, *range),
    ]
    for name, *given in calls:
        shape = call(name, *(g.to("meta") if isinstance(g, torch.Tensor) else g for g in given))
        found = call(name, *given)
        assert (found.shape, found.dtype) == (shape.shape, shape.dtype)
        assert found.stride() == shape.stride()


@pytest.mark.parametrize("word", ["int8", "int8_static"])
def test_a_product_of_two_has_a_rounding(word):
    x = torch.randn(2, 3)
    with pytest.raises(ValueError, match=word):
        call("matmul", x, x, "ik,jk->ij", word)
