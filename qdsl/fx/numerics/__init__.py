"""Rounds weights to codes: one quantizer per grid, with the gradient that training takes."""

from qdsl.fx.numerics.quantize import (
    Quantized,
    State,
    check_format,
    dequantize,
    fake_quantize,
    quantize,
    search_clip,
)

__all__ = [
    "Quantized",
    "State",
    "check_format",
    "dequantize",
    "fake_quantize",
    "quantize",
    "search_clip",
]
