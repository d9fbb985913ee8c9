"""Rounds weights to codes: one quantizer per grid, with the gradient that training takes."""

from qdsl.fx.numerics.clip import initial_scale, search_clip
from qdsl.fx.numerics.noise import Noise, noisy
from qdsl.fx.numerics.quantize import (
    Quantized,
    State,
    dequantize,
    fake_quantize,
    find_codebook,
    quantize,
)

__all__ = [
    "Noise",
    "Quantized",
    "State",
    "dequantize",
    "fake_quantize",
    "find_codebook",
    "initial_scale",
    "noisy",
    "quantize",
    "search_clip",
]
