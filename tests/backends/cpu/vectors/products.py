"""Makes the cases of packed weights: products, recurrences, rows of tables."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch
from formats import Array, Arrays, Format, Random, Weight, floats, weight

from qdsl_cpu import operations

SHAPE = (18, 67)  # neither is a multiple of anything that a kernel takes at once
FORMATS = (
    *(Format(bits=bits) for bits in (2, 3, 4, 5, 6, 7, 8)),
    *(Format(bits=bits, signed=False, zero="int") for bits in (2, 4, 8)),
    *(Format(bits=bits, zero="int", group=16) for bits in (2, 3, 5, 8)),
    *(Format(bits=bits, signed=False, zero="float", group=24) for bits in (2, 4, 6, 8)),
    *(Format(bits=bits, half=True, group=32) for bits in (2, 3, 7)),
    *(Format(group=group) for group in (3, 8, 32)),
    Format(group=64, type=torch.float16),
    Format(bits=5, signed=False, zero="float", group=40, type=torch.float16),
    Format(bits=3, signed=False, zero="float", type=torch.bfloat16),
    *(Format(kind="ternary", bits=2, group=group) for group in (0, 32)),
    Format(kind="binary", bits=1),
    Format(kind="binary", bits=1, group=40, type=torch.bfloat16),
    Format(kind="ternary", bits=2, group=64, pattern=(2, 4)),
    Format(kind="binary", bits=1, group=32, pattern=(1, 4)),
    Format(group=32, pattern=(2, 4)),
    Format(bits=2, zero="int", group=12, pattern=(1, 3)),
    Format(bits=8, group=64, pattern=(4, 16)),
    Format(bits=3, signed=False, zero="int", group=10, pattern=(3, 5)),
)
SEVERAL = (Format(group=32), Format(bits=8), Format(kind="binary", bits=1), Format(bits=2, group=8))
CODEBOOKS = tuple(Format("codebook", bits, signed=False, group=32) for bits in (2, 3, 4))
RANGES = {
    "uint8_static": (100, 0, 255),
    "int8_static_full": (0, -128, 127),
    "uint4_static": (9, 0, 15),
}

Mode = Literal["f32", "bf16", "int8_token", "int8_tensor"]


def product(w: Weight, x: Array, bias: Array, modes: tuple[Mode, ...]) -> Arrays:
    """The arrays of a linear case; float results come with (G + 4) * 2^-24 * sum |x w|."""
    arrays = {"x": x, "bias": bias, **w.arrays("weight")}
    for mode in modes:
        y = operations.linear(
            torch.from_numpy(x)[None], w.packed, torch.from_numpy(bias), len(bias), mode
        )
        arrays[mode] = y[0].numpy()
    for mode, type in (("f32", torch.float32), ("bf16", torch.bfloat16)):
        if mode in modes:
            read = torch.from_numpy(x).to(type).double().abs().numpy()
            size = read @ w.magnitude.T + np.abs(bias)
            arrays[f"{mode}.bound"] = ((w.groups + 4) * 2.0**-24 * size).astype(np.float32)
    return arrays


def static_product(w: Weight, x: Array, bias: Array, word: str) -> Arrays:
    """Activations in a range; the zero of the first is far from the middle of signed bytes."""
    zero, low, high = RANGES[word]
    scale = np.float32(2.2) / np.float32(high - low)
    y = operations.linear(
        torch.from_numpy(x),
        w.packed,
        torch.from_numpy(bias),
        len(bias),
        word,
        torch.tensor([scale]),
        torch.tensor([float(zero)]),
    )
    range = np.array([scale, zero, low, high], np.float32)
    return {"x": x, "bias": bias, **w.arrays("weight"), "range": range, "fixed": y.numpy()}


def special(in_features: int) -> Array:
    """Rows of ties, zeros, NaN, infinities, denormals, the largest numbers, and halves of both."""
    x = np.tile(np.arange(in_features, dtype=np.float32) - 20.5, (7, 1))
    x[0, 0] = 127.0  # so that the scale is 1 and all others are ties
    x[1] = 0.0
    x[2, 5] = np.nan
    x[3, 7], x[3, 8] = np.inf, -np.inf
    x[4] *= np.float32(1e-44)
    x[5] *= np.float32(1e36)
    x[6] = np.where(x[6] < 0, np.float32(-3), np.float32(3))  # all codes are +-127
    return x


def linear_cases() -> Iterator[tuple[str, Arrays]]:
    everything: tuple[Mode, ...] = ("f32", "int8_token", "int8_tensor")
    for seed, format in enumerate(FORMATS):
        rng = Random(seed)
        outputs, in_features = SHAPE
        w = weight(rng, format, outputs, in_features)
        x = floats(rng, 2, in_features)
        yield str(format), product(w, x, floats(rng, outputs), ("f32", "int8_token"))
    for format in SEVERAL:
        rng = Random(100)
        for outputs, in_features in ((1, 1), (3, 5), (16, 32)):
            w = weight(rng, format, outputs, in_features)
            x = floats(rng, 3, in_features)
            name = f"{format} {outputs}x{in_features}"
            modes: tuple[Mode, ...] = (*everything, "bf16") if outputs == 3 else everything
            yield name, product(w, x, floats(rng, outputs), modes)
        for outputs, in_features, rows in ((17, 35, 33), (81, 33, 2), (5, 260, 1)):
            w = weight(rng, format, outputs, in_features)
            x = floats(rng, rows, in_features)
            name = f"{format} {outputs}x{in_features}"
            yield name, product(w, x, floats(rng, outputs), ("int8_token",))
    rng = Random(140)  # sums that only grow lose most
    w = weight(rng, Format(bits=2, signed=False), 5, 640)
    yield "one sign", product(w, np.abs(floats(rng, 1, 640)), floats(rng, 5), ("f32",))
    for format in CODEBOOKS:
        rng = Random(150)
        w = weight(rng, format, 18, 67)
        yield str(format), product(w, floats(rng, 2, 67), floats(rng, 18), ("f32",))
    for format in (*SEVERAL, *FORMATS[11:20:2]):
        for word in RANGES if format in SEVERAL[:2] else ("uint8_static",):
            rng = Random(160)
            w = weight(rng, format, 18, 43, extreme=format.bits == 8)
            x = floats(rng, 3, 43)
            x[0], x[1, ::2], x[1, 1] = -7.0, 7.0, np.nan
            yield f"{format} {word}", static_product(w, x, floats(rng, 18), word)
    for format in (*SEVERAL, *FORMATS[2:14:4], Format(bits=8, signed=False, zero="int", group=32)):
        rng = Random(200)
        w = weight(rng, format, 18, 39, extreme=True)
        x = special(39)
        yield f"{format} extremes", product(w, x, floats(rng, 18), ("int8_token",))


def lstm_case(format: Format, state: Literal["f32", "int8_token"], projected: int) -> Arrays:
    """4 steps of 2 examples; results of float products may be off by 1e-5."""
    rng = Random(300)
    hidden = 21
    size = projected or hidden
    recurrent = weight(rng, format, 4 * hidden, size, scale=0.02)
    projection = weight(rng, Format(bits=8), size, hidden, scale=0.002) if projected else None
    gates, h, c = floats(rng, 4, 2, 4 * hidden), floats(rng, 2, size), floats(rng, 2, hidden)
    results = operations.lstm(
        torch.from_numpy(3 * gates),
        torch.from_numpy(h),
        torch.from_numpy(c),
        recurrent.packed,
        projection.packed if projection else None,
        state,
    )
    arrays = {"gates": 3 * gates, "h": h, "c": c, **recurrent.arrays("recurrent")}
    arrays |= projection.arrays("projection") if projection else {}
    arrays["state"] = np.array(["f32", "int8_token"].index(state), np.int64)
    for name, result in zip(("outputs", "last_h", "last_c"), results, strict=True):
        arrays[name] = result.numpy()
        if state == "f32":
            arrays[f"{name}.bound"] = np.full(result.shape, 1e-5, np.float32)
    return arrays


def lstm_cases() -> Iterator[tuple[str, Arrays]]:
    yield "int8", lstm_case(Format(group=8), "int8_token", 0)
    yield "int8, with a projection", lstm_case(Format(bits=8), "int8_token", 13)
    yield "f32, with a projection", lstm_case(Format(group=8), "f32", 13)


def gru_cases() -> Iterator[tuple[str, Arrays]]:
    hidden = 19
    scale, (zero, low, high) = 2 / 255, RANGES["uint8_static"]
    given = torch.tensor([scale]), torch.tensor([float(zero)])
    for state, word, kept in ((1, "int8_token", ()), (3, "uint8_static", given)):
        rng = Random(350)
        w = weight(rng, Format(group=8), 3 * hidden, hidden, scale=0.05)
        gates, h, bias = (
            floats(rng, 3, 2, 3 * hidden),
            floats(rng, 2, hidden),
            floats(rng, 3 * hidden),
        )
        inputs = (torch.from_numpy(gates), torch.from_numpy(h), w.packed, torch.from_numpy(bias))
        y, last = operations.gru(*inputs, word, *kept)
        arrays = {"gates": gates, "h": h, "bias": bias, **w.arrays("recurrent")}
        arrays["state"] = np.array(state, np.int64)
        arrays["range"] = np.array([scale, zero, low, high], np.float32)
        yield word, {**arrays, "outputs": y.numpy(), "last_h": last.numpy()}


def embedding_cases() -> Iterator[tuple[str, Arrays]]:
    for seed, format in enumerate(FORMATS[::7]):
        rng = Random(400 + seed)
        w = weight(rng, format, 11, 37)
        ids = np.array([0, 10, 7, 7], np.int64)
        rows = operations.embedding(torch.from_numpy(ids), w.packed, 37).numpy()
        dense = operations.dequantize(w.packed, 11, 37).numpy()
        yield str(format), {"ids": ids, "rows": rows, "dense": dense, **w.arrays("weight")}
