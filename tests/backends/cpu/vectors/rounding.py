"""Makes the cases of values that are rounded: products of two, and alone."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from qdsl_cpu import operations

Array = npt.NDArray[Any]
Arrays = dict[str, Array]
PRODUCTS = (  # equation, sizes of x, of y, whose axes may lie in another order
    ("bhqd,bhkd->bhqk", (1, 2, 7, 13), (1, 2, 19, 13)),
    ("bhqk,bkhd->bqhd", (1, 2, 5, 9), (1, 9, 2, 17)),
    ("ij,jk->ik", (3, 30), (30, 35)),
)
CODES = {"uint8_static": (0, 255), "int8_static_full": (-128, 127), "int4_static": (-7, 7)}
WORDS = ("int8_token", "int8_tensor", *CODES)


def floats(rng: np.random.RandomState, *shape: int) -> Array:
    return rng.uniform(-1.0, 1.0, shape).astype(np.float32)


def static(word: str, seed: int) -> dict[str, Array]:
    """Scale, zero, lowest and highest code; nothing of a dynamic word."""
    if word not in CODES:
        return {}
    low, high = CODES[word]
    scale = 1.5 / (high - low)
    return {"range": np.array([scale, low + seed if low == 0 else 0.0, low, high], np.float32)}


def tensors(range: Array | None) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    return (None, None) if range is None else (torch.tensor(range[0]), torch.tensor(range[1]))


def shared(word: str) -> Arrays:
    return {"shared": np.array(1, np.int64)} if word == "int8_tensor" else {}


def strides(x: Array) -> Array:
    return np.array([s // x.itemsize for s in x.strides], np.int64)


def matmul_cases() -> Iterator[tuple[str, Arrays]]:
    for seed, (equation, left, right) in enumerate(PRODUCTS):
        for word in WORDS if seed == 0 else WORDS[1:3]:
            rng = np.random.RandomState(seed)
            x, y = floats(rng, *left), floats(rng, *right)
            if word not in CODES:
                x.reshape(-1, left[-1])[1, 3] = np.nan
            x.reshape(-1, left[-1])[-1] = 1.0  # all codes are the largest
            y[-1] = -1.0
            ranges = [static(word, zero).get("range") for zero in (100, 7)]
            out = operations.matmul(
                torch.from_numpy(x),
                torch.from_numpy(y),
                equation,
                word,
                *tensors(ranges[0]),
                *tensors(ranges[1]),
            )
            arrays = {"x": x, "x.strides": strides(x), "y": y, "y.strides": strides(y)}
            for side, given in zip(("left", "right"), ranges, strict=True):
                arrays |= {} if given is None else {side: given}
            yield equation, {**arrays, **shared(word), "out": out.numpy()}


def round_cases() -> Iterator[tuple[str, Arrays]]:
    for word in WORDS:
        x = floats(np.random.RandomState(9), 4, 39)
        x[1] = np.arange(39) - 19.5
        x[1, 0] = 127.0
        x[2, 7] = np.nan if word != "int8_tensor" else 0.25
        given = static(word, 20)
        y = operations.round(torch.from_numpy(x)[None], word, *tensors(given.get("range")))
        yield word, {"x": x, **given, **shared(word), "y": y[0].numpy()}
