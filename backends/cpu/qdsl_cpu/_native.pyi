"""Types of the compiled module.

Of operations, `isa` forces an instruction set of `isas()` and `threads` bounds how many share the
work, 0 being as many as OpenMP says; what torch's dispatcher calls leaves both out.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from torch import Tensor

# outputs, in_features, group, kind, bits, signed, half, zero, kept, period, types of scales and of
# float zeros
Description: TypeAlias = tuple[int, int, int, int, int, bool, bool, int, int, int, int, int]
Table: TypeAlias = tuple[int, int]  # address, size

def isa() -> str: ...
def isas() -> list[str]: ...
def kernels() -> list[str]: ...
def limits_bandwidth(bytes: int, threads: int) -> float: ...
def limits_peaks() -> list[tuple[str, str]]: ...
def limits_rate(kind: tuple[str, str], threads: int) -> float: ...
def limits_fork_join(threads: int) -> float: ...
def packed_bytes(description: Description) -> int: ...
def repack(
    description: Description, tables: list[Table], out: int, size: int, threads: int = 0
) -> None: ...
def fields_of_base3(
    codes: int, size: int, rows: int, count: int, out: int, threads: int = 0
) -> None: ...
def positions_of_ranks(
    index: int,
    size: int,
    rows: int,
    sets: int,
    kept: int,
    period: int,
    out: int,
    threads: int = 0,
) -> None: ...
def buffer(bytes: int) -> Tensor:
    """Uint8 [bytes], not initialized; in huge pages where it is large."""

def exchange_with(tensor_class: type[Tensor]) -> None:
    """Reads and makes tensors of that class from now on; operations need it."""

def linear_operation(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    out_features: int,
    activations: str,
    scale: Tensor | None = None,
    zero: Tensor | None = None,
    relu: bool = False,
    residual: Tensor | None = None,
    isa: str | None = None,
    threads: int = 0,
) -> Tensor:
    """Float32 [..., out_features] = x [..., in_features] @ weight^T + bias [out_features].

    weight: what `repack` returned. activations: "f32", or int8 with a dynamic scale per row
    ("int8_token") or per example, an entry of the first dimension ("int8_tensor"), or in a static
    range ("uint8_static") with its scale and zero f32 [1]. Raises ValueError where shapes or
    dtypes do not fit and KeyError for unknown activations.
    """

def embedding(ids: Tensor, weight: Tensor, embedding_dim: int) -> Tensor:
    """Float32 [..., embedding_dim]: the rows `ids` (integers) of the packed table.

    Raises IndexError for a row that is not in the table.
    """

def dequantize(weight: Tensor, outputs: int, in_features: int) -> Tensor:
    """Float32 [outputs, in_features]: the numbers that the packed weight stands for."""

def lstm_operation(
    gates: Tensor,
    h0: Tensor,
    c0: Tensor,
    weight_hh: Tensor,
    weight_hr: Tensor | None,
    state: str,
    scale: Tensor | None = None,
    zero: Tensor | None = None,
    isa: str | None = None,
    threads: int = 0,
) -> tuple[Tensor, Tensor, Tensor]:
    """The recurrence of an LSTM layer: outputs [T, B, P], last h [B, P], last c [B, H].

    gates: float32 [T, B, 4H], the input's share with its bias, in the order i, f, g, o.
    h0, c0: float32 [B, P] and [B, H]. weight_hh: packed [4H, P]. weight_hr: packed [P, H], the
    projection of h, or None where P = H. state: activations of both products, as of
    `linear`. A step computes exactly what `linear` does.
    """

def matmul_operation(
    x: Tensor,
    y: Tensor,
    equation: str,
    activations: str,
    left_scale: Tensor | None = None,
    left_zero: Tensor | None = None,
    right_scale: Tensor | None = None,
    right_zero: Tensor | None = None,
    isa: str | None = None,
    threads: int = 0,
) -> Tensor:
    """Float32 einsum of x and y, of any strides, rounded to integers; the sums are exact.

    activations: int8 with a dynamic scale for every position that is not summed over
    ("int8_token") or for each entry of the first axis ("int8_tensor"), or the word of a static
    range, whose scales and zeros are given. Raises ValueError where shapes, dtypes or the equation
    do not fit, among them an axis that occurs twice in a term, and KeyError for unknown words.
    """

def round_operation(
    x: Tensor,
    activations: str,
    scale: Tensor | None = None,
    zero: Tensor | None = None,
    isa: str | None = None,
    threads: int = 0,
) -> Tensor:
    """x float32 rounded, as float32 again: codes · s, or s·(q - z) in a static range."""

def conv_operation(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    out_channels: int,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    activations: str,
    scale: Tensor | None = None,
    zero: Tensor | None = None,
    isa: str | None = None,
    threads: int = 0,
) -> Tensor:
    """A convolution of x float32 [B, spatial…, in] over 1 or 2 axes: [B, spatial…', out_channels].

    weight: packed [out_channels, kernel…·in/groups]. padding: before and after of each axis. A
    token is what one output position reads; otherwise as `linear_operation`.
    """

def gru_operation(
    gates: Tensor,
    h0: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    state: str,
    scale: Tensor | None = None,
    zero: Tensor | None = None,
    isa: str | None = None,
    threads: int = 0,
) -> tuple[Tensor, Tensor]:
    """The recurrence of a GRU layer: outputs [T, B, H] and the last h [B, H].

    gates: float32 [T, B, 3H], the input's share with its bias, in the order r, z, n. h0: float32
    [B, H]. weight_hh: packed [3H, H]. bias: float32 [3H], of the recurrent product. A step
    computes exactly what `linear` does for it.
    """

def integers() -> dict[str, Callable[..., Any]]:
    """Operations of integer arithmetic by name behind `qdsl::integer_`: see docs/integer.md.

    Each has two more arguments, `isa` and `threads`. Results are contiguous, and equal to the bit
    to the reference. They raise ValueError where shapes or dtypes do not fit.
    """
