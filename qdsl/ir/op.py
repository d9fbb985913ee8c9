"""Defines the closed set of operations; attributes only: inputs and parameters are in the node.

Layouts are channels-last. Weights are stored as their matrix reads: Linear [out, in], Conv
[out, kernel…, in/groups], Embedding [rows, d], LSTM weight_ih [4·hidden, in] with the gates i, f,
g, o stacked in rows, GRU weight_ih [3·hidden, in] with r, z, n (the order of PyTorch).
"""

from qdsl.ir.shape import Dim, Shape
from qdsl.record import record

# ---- with parameters ---------------------------------------------------------------------------


@record
class Read:
    """A parameter itself. Parameters: it. No inputs."""


@record
class Linear:
    """x [..., in] · weightᵀ + bias → [..., out]. Parameters: weight, bias?"""


@record
class Embedding:
    """ids i64[...] → [..., d]. Parameters: weight."""


@record
class Conv:
    """x [B, spatial…, in] → [B, spatial…, out]; 1-d or 2-d by the length of `kernel`.

    `padding` is (before, after) zeros per spatial axis. Parameters: weight, bias?
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]
    dilation: tuple[int, ...]
    groups: int = 1


@record
class Lstm:
    """x [B, T, in], h [B, out], c [B, hidden] → y [B, T, out], h, c.

    Parameters: weight_ih, weight_hh, bias, and with a projection weight_hr [out, hidden].
    """

    hidden: int


@record
class Gru:
    """x [B, T, in], h [B, hidden] → y [B, T, hidden], h.

    Parameters: weight_ih, weight_hh, bias [3·hidden], bias_hn [hidden].
    """


Recurrent = Lstm | Gru


@record
class LayerNorm:
    """Over the last axis. Parameters: weight, bias."""

    eps: float


@record
class BatchNorm:
    """Over all axes but the last. Parameters: weight, bias, running_mean, running_var."""

    eps: float
    momentum: float


# ---- products and norms ------------------------------------------------------------------------


@record
class Einsum:
    """Product of two tensors, `"bthd,bshd->bhts"`, letters only."""

    equation: str


@record
class Softmax:
    axis: int


@record
class LogSoftmax:
    axis: int


# ---- elementwise -------------------------------------------------------------------------------


@record
class Unary:
    """`silu gelu relu tanh sigmoid exp log sqrt sin cos neg not abs`."""

    function: str


@record
class Binary:
    """`add sub mul div floordiv mod eq ne lt le gt ge and or`, with broadcasting."""

    function: str


@record
class Where:
    """condition, a, b with broadcasting."""


@record
class Glu:
    """First half times sigmoid of the second half of the axis."""

    axis: int


@record
class Cast:
    dtype: str


@record
class Dropout:
    """Identity outside training."""

    p: float


# ---- sources -----------------------------------------------------------------------------------


@record
class Scalar:
    """A number, or the size that a dim has at run time (i64), shape []."""

    value: float | int | bool | Dim


@record
class Full:
    """A tensor of one value."""

    shape: Shape
    value: float | int | bool
    dtype: str


@record
class Range:
    """0 … length - 1, i64."""

    length: Dim


@record
class Length:
    """`formula` over `variable`, applied to the elements of an i64 tensor (`len(S, lengths)`)."""

    formula: Dim
    variable: str


# ---- shape -------------------------------------------------------------------------------------


@record
class At:
    """Takes one position of an axis and drops the axis; negative counts from the end."""

    index: Dim


@record
class Cut:
    """Takes `start..stop` of an axis; None is the end of the axis."""

    start: Dim | None
    stop: Dim | None


@record
class Keep:
    """Leaves an axis whole."""


@record
class NewAxis:
    """Inserts an axis of size 1."""


Subscript = At | Cut | Keep | NewAxis


@record
class Index:
    """One subscript per axis, and one `NewAxis` per inserted axis."""

    subscripts: tuple[Subscript, ...]


@record
class Cat:
    axis: int


@record
class Stack:
    axis: int


@record
class Reshape:
    shape: Shape


@record
class Transpose:
    permutation: tuple[int, ...]


@record
class Expand:
    shape: Shape


@record
class Pad:
    """Adds `before` and `after` positions of `value` to an axis."""

    axis: int
    before: Dim
    after: Dim
    value: float


@record
class Reduce:
    """`sum mean max` over an axis, which goes unless `keep`."""

    function: str
    axis: int
    keep: bool = False


@record
class Windows:
    """[…, T, …] → […, (T - size) // stride + 1, size, …]: frames of an axis."""

    axis: int
    size: int
    stride: int


@record
class Gather:
    """x, ids → x taken along the axis at ids (torch.take_along_dim)."""

    axis: int


@record
class IndexUpdate:
    """x, values, position i64[] → x with values written along the axis from position on."""

    axis: int


@record
class RelativeShift:
    """[..., T, 2S - 1] by relative distance → [..., T, S] by position (arXiv 1901.02860, B)."""


@record
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
    | Gru
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
