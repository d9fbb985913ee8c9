"""Implements the operations of `qdsl::` on processors over packed weights.

They are functions of the compiled module, which read torch's tensors themselves: what Python would
add to a call is as long as a small product. What they compute is said where they are declared, in
`_native.pyi`.
"""

import torch

from qdsl_cpu import _native

_native.exchange_with(torch.Tensor)

linear = _native.linear_operation
embedding = _native.embedding
dequantize = _native.dequantize
lstm = _native.lstm_operation
gru = _native.gru_operation
conv = _native.conv_operation
matmul = _native.matmul_operation
round = _native.round_operation

OPERATIONS = {
    "linear": linear,
    "embedding": embedding,
    "dequantize": dequantize,
    "lstm": lstm,
    "gru": gru,
    "conv": conv,
    "matmul": matmul,
    "round": round,
}
INTEGERS = _native.integers()
"""Of integer arithmetic, by name behind `integer_`."""


def register(library: torch.library.Library) -> None:
    """Makes these the implementations of the operations that `library` defines."""
    for name, function in OPERATIONS.items():
        library.impl(name, function, "CPU")  # type: ignore[no-untyped-call]
    for name, function in INTEGERS.items():
        library.impl(f"integer_{name}", function, "CPU")  # type: ignore[no-untyped-call]
