"""Defines the closed set of operations; attributes only: inputs and parameters are in the node.

Layouts are channels-last. Weights are stored as their matrix reads: Linear [out, in], Conv
[out, kernel…, in/groups], Embedding [rows, d], LSTM weight_ih [4·hidden, in] with the gates i, f,
g, o stacked in rows (the order of PyTorch).
"""

from dataclasses import dataclass

from qdsl.ir.shape import Dim, Shape

# ---- with parameters ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Read:
    """A parameter itself. Parameters: it. No inputs."""


@dataclass(frozen=True, slots=True)
class Linear:
    """x [..., in] · weightᵀ + bias → [..., out]. Parameters: weight, bias?"""


@dataclass(frozen=True, slots=True)
class Embedding:
    """ids i64[...] → [..., d]. Parameters: weight."""


@dataclass(frozen=True, slots=True)
class Conv:
    """x [B, spatial…, in] → [B, spatial…, out]; 1-d or 2-d by the length of `kernel`.

    `padding` is (before, after) zeros per spatial axis. Parameters: weight, bias?
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int = 1


@dataclass(frozen=True, slots=True)
class Lstm:
    """x [B, T, in], h [B, out], c [B, hidden] → y [B, T, out], h, c.

    Parameters: weight_ih, weight_hh, bias, and with a projection weight_hr [out, hidden].
    """

    hidden: int


@dataclass(frozen=True, slots=True)
class LayerNorm:
    """Over the last axis. Parameters: weight, bias."""

    eps: float


@dataclass(frozen=True, slots=True)
class BatchNorm:
    """Over all axes but the last. Parameters: weight, bias, running_mean, running_var."""

    eps: float
    momentum: float


# ---- products and norms ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Einsum:
    """Product of two tensors, `"bthd,bshd->bhts"`, letters only."""

    equation: str


@dataclass(frozen=True, slots=True)
class Softmax:
    axis: int


@dataclass(frozen=True, slots=True)
class LogSoftmax:
    axis: int


# ---- elementwise -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unary:
    """`silu gelu relu tanh sigmoid exp log sqrt neg not abs`."""

    function: str


@dataclass(frozen=True, slots=True)
class Binary:
    """`add sub mul div floordiv mod eq ne lt le gt ge and or`, with broadcasting."""

    function: str


@dataclass(frozen=True, slots=True)
class Where:
    """condition, a, b with broadcasting."""


@dataclass(frozen=True, slots=True)
class Glu:
    """First half times sigmoid of the second half of the axis."""

    axis: int


@dataclass(frozen=True, slots=True)
class Cast:
    dtype: str


@dataclass(frozen=True, slots=True)
class Dropout:
    """Identity outside training."""

    p: float


# ---- sources -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number, shape []."""

    value: float | int | bool


@dataclass(frozen=True, slots=True)
class Full:
    """A tensor of one value."""

    shape: Shape
    value: float | int | bool
    dtype: str


@dataclass(frozen=True, slots=True)
class Range:
    """0 … length - 1, i64."""

    length: Dim


@dataclass(frozen=True, slots=True)
class Length:
    """`formula` over `variable`, applied to the elements of an i64 tensor (`len(S, lengths)`)."""

    formula: Dim
    variable: str


# ---- shape -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class At:
    """Takes one position of an axis and drops the axis; negative counts from the end."""

    index: Dim


@dataclass(frozen=True, slots=True)
class Cut:
    """Takes `start..stop` of an axis; None is the end of the axis."""

    start: Dim | None
    stop: Dim | None


@dataclass(frozen=True, slots=True)
class Keep:
    """Leaves an axis whole."""


@dataclass(frozen=True, slots=True)
class NewAxis:
    """Inserts an axis of size 1."""


Subscript = At | Cut | Keep | NewAxis


@dataclass(frozen=True, slots=True)
class Index:
    """One subscript per axis, and one `NewAxis` per inserted axis."""

    subscripts: tuple[Subscript, ...]


@dataclass(frozen=True, slots=True)
class Cat:
    axis: int


@dataclass(frozen=True, slots=True)
class Stack:
    axis: int


@dataclass(frozen=True, slots=True)
class Reshape:
    shape: Shape


@dataclass(frozen=True, slots=True)
class Transpose:
    permutation: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Expand:
    shape: Shape


@dataclass(frozen=True, slots=True)
class Pad:
    """Adds `before` and `after` positions of `value` to an axis."""

    axis: int
    before: Dim
    after: Dim
    value: float


@dataclass(frozen=True, slots=True)
class Reduce:
    """`sum mean max` over an axis, which goes unless `keep`."""

    function: str
    axis: int
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Windows:
    """[…, T, …] → […, (T - size) // stride + 1, size, …]: frames of an axis."""

    axis: int
    size: int
    stride: int


@dataclass(frozen=True, slots=True)
class Gather:
    """x, ids → x taken along the axis at ids (torch.take_along_dim)."""

    axis: int


@dataclass(frozen=True, slots=True)
class IndexUpdate:
    """x, values, position i64[] → x with values written along the axis from position on."""

    axis: int


@dataclass(frozen=True, slots=True)
class RelativeShift:
    """[..., T, 2S - 1] by relative distance → [..., T, S] by position (arXiv 1901.02860, B)."""


@dataclass(frozen=True, slots=True)
class Pool:
    """`max` or `mean` over windows of one axis."""

    function: str
    axis: int
    size: int
    stride: int


Op = (
    Read
    | Linear
    | Embedding
    | Conv
    | Lstm
    | LayerNorm
    | BatchNorm
    | Einsum
    | Softmax
    | LogSoftmax
    | Unary
    | Binary
    | Where
    | Glu
    | Cast
    | Dropout
    | Scalar
    | Full
    | Range
    | Length
    | Index
    | Cat
    | Stack
    | Reshape
    | Transpose
    | Expand
    | Pad
    | Reduce
    | Windows
    | Gather
    | IndexUpdate
    | RelativeShift
    | Pool
)
