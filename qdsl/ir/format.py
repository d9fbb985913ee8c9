"""Defines number formats as values: the quantizer, the packer, the size and the kernels read these.

A weight is seen as a matrix [outputs, in_features]; grouping says which of its entries share a
scale, the grid says which codes there are and how a code, a scale and a zero give a number.
"""

from dataclasses import field
from enum import StrEnum
from typing import assert_never

from qdsl.ir.pattern import NM, Dense, Pattern
from qdsl.record import record


class FloatType(StrEnum):
    """Storage types of floats and of scales."""

    F32 = "f32"
    F16 = "f16"
    BF16 = "bf16"

    @property
    def bytes(self) -> int:
        return 4 if self is FloatType.F32 else 2


class Levels(StrEnum):
    """Which codes a symmetric integer grid uses, b bits, qmax = 2^(b-1) - 1.

    narrow: ±qmax. full: -2^(b-1)..qmax. half: (q + ½)·s over -2^(b-1)..qmax, no exact 0.
    """

    FULL = "full"
    NARROW = "narrow"
    HALF = "half"


# ---- grids -------------------------------------------------------------------------------------


@record
class FloatGrid:
    """Stored as that float type; no codes, no scale."""

    type: FloatType


@record
class IntegerGrid:
    """b-bit integers."""

    bits: int
    signed: bool = True
    levels: Levels = Levels.FULL

    @property
    def qmin(self) -> int:
        if not self.signed:
            return 0
        return -(1 << (self.bits - 1)) + (self.levels is Levels.NARROW)

    @property
    def qmax(self) -> int:
        return (1 << (self.bits - (1 if self.signed else 0))) - 1


@record
class TernaryGrid:
    """{-1, 0, +1} times a scale, stored in two bits or, `pack` base3, five codes in a byte.

    Rule `threshold` (Ternary Weight Networks, arXiv 1605.04711): Δ = 0.7·mean|w|, the scale is the
    mean of |w| over |w| > Δ. Rule `absmean` (arXiv 2402.17764): s = mean|w|, q = round(w/s) in ±1.
    """

    rule: str = "absmean"
    # later than the first files: written where it is not the default
    pack: str = field(default="2bit", metadata={"optional": True})


@record
class BinaryGrid:
    """{-1, +1} times α = mean|w|, 0 counted as +1, stored in one bit.

    With `center` the mean of the group is subtracted first and not added back. `ste`: `scaled`
    passes the gradient through α too, `identity` drops it.
    """

    center: bool = False
    ste: str = "scaled"


# quantiles of the normal distribution, scaled to ±1, with a 0 (QLoRA, arXiv 2305.14314, appendix E)
NORMAL_FLOATS = (
    -1.0,
    -0.6961928009986877,
    -0.5250730514526367,
    -0.39491748809814453,
    -0.28444138169288635,
    -0.18477343022823334,
    -0.09105003625154495,
    0.0,
    0.07958029955625534,
    0.16093020141124725,
    0.24611230194568634,
    0.33791524171829224,
    0.44070982933044434,
    0.5626170039176941,
    0.7229568362236023,
    1.0,
)


@record
class CodebookGrid:
    """2^bits values times a scale; a code is the number of a value, from 0 in ascending order.

    Without `values` they are found in training, one codebook a weight, and stored with it.
    """

    bits: int
    values: tuple[float, ...] = ()


QuantizedGrid = IntegerGrid | TernaryGrid | BinaryGrid | CodebookGrid
Grid = FloatGrid | QuantizedGrid


def code_bits(grid: QuantizedGrid) -> int:
    """Bits of one code, where each has its own."""
    match grid:
        case IntegerGrid(bits=bits):
            return bits
        case TernaryGrid():
            return 2
        case BinaryGrid():
            return 1
        case CodebookGrid(bits=bits):
            return bits


def family_name(grid: Grid) -> str:
    """The word of a spec for formats of that grid."""
    match grid:
        case FloatGrid(type):
            return type.value
        case IntegerGrid(bits, signed):
            return f"{'int' if signed else 'uint'}{bits}"
        case TernaryGrid():
            return "ternary"
        case BinaryGrid():
            return "binary"
        case CodebookGrid(bits, values):
            return "nf4" if values else f"kmeans{bits}"
        case _:
            assert_never(grid)


# ---- grouping, zero, clip ----------------------------------------------------------------------


@record
class PerTensor:
    """One scale for all."""


@record
class PerChannel:
    """One scale per row of the weight matrix (an output; of an embedding, a row)."""


@record
class PerToken:
    """One scale per row of the activations (one position of one example)."""


@record
class PerGroup:
    """One scale per `size` consecutive original positions of a row; the last may be shorter."""

    size: int
    short_tail: bool = False


Grouping = PerTensor | PerChannel | PerToken | PerGroup


@record
class Symmetric:
    """No zero point: w = s·q."""


@record
class IntegerZero:
    """w = s·(q - z), z an integer of as many bits as the codes."""


@record
class FloatZero:
    """w = s·q - zs, the product zs stored as a float."""

    type: FloatType = FloatType.F32


Zero = Symmetric | IntegerZero | FloatZero


@record
class NoClip:
    """The range is that of the weights."""


@record
class FixedClip:
    """The range is `coefficient` times that of the weights."""

    coefficient: float


class ClipPer(StrEnum):
    """What shares a coefficient of the range: the weights of a scale, a row, or all."""

    SCALE = "scale"
    CHANNEL = "channel"
    TENSOR = "tensor"


@record
class SearchedClip:
    """The coefficient of least Σ|error|^norm among candidates, 1.00, 0.98 … 0.30."""

    # later than the first files: written where they are not the default
    norm: int = field(default=2, metadata={"optional": True})
    per: ClipPer = field(default=ClipPer.SCALE, metadata={"optional": True})


@record
class LearnedClip:
    """The scale is a parameter (LSQ, arXiv 1902.08153)."""


Clip = NoClip | FixedClip | SearchedClip | LearnedClip


@record
class WeightFormat:
    """How a weight is stored. `name` is the word of the spec: `int4`."""

    name: str
    grid: Grid
    grouping: Grouping = PerChannel()
    scale: FloatType = FloatType.F32
    zero: Zero = Symmetric()
    clip: Clip = NoClip()
    pattern: Pattern = Dense()

    @property
    def is_float(self) -> bool:
        return isinstance(self.grid, FloatGrid)

    @property
    def is_one_tensor(self) -> bool:
        """Stored as the parameter itself, in a float type; every other format has parts."""
        return self.is_float and not isinstance(self.pattern, NM)

    def __str__(self) -> str:
        from qdsl.ir.format_text import weight_format_text

        return weight_format_text(self)


@record
class ActivationFormat:
    """How inputs of a product are rounded at run time: dynamic symmetric int8, narrow levels."""

    grouping: PerToken | PerTensor = PerToken()

    @property
    def family(self) -> str:
        return "int8"

    @property
    def range_bytes(self) -> tuple[int, int]:
        """Bytes stored of a scale and of a zero point: none, both are found at run time."""
        return 0, 0

    def __str__(self) -> str:
        per = "token" if isinstance(self.grouping, PerToken) else "tensor"
        return f"int8(dynamic, per = {per})"


@record
class StaticFormat:
    """How values are rounded in a range that calibration fixes: one scale for all of them."""

    grid: IntegerGrid
    zero: Symmetric | IntegerZero = Symmetric()
    # later than the first files: written where it is not the default
    clip: NoClip | LearnedClip = field(default=NoClip(), metadata={"optional": True})

    @property
    def family(self) -> str:
        return family_name(self.grid)

    @property
    def range_bytes(self) -> tuple[int, int]:
        """Bytes stored of the scale, which is f32, and of the zero point."""
        return 4, int(isinstance(self.zero, IntegerZero))

    def __str__(self) -> str:
        from qdsl.ir.format_text import static_format_text

        return static_format_text(self)


@record
class FloatFormat:
    """How inputs of a product are rounded to a narrower float: to nearest, ties to even."""

    type: FloatType = FloatType.BF16

    @property
    def family(self) -> str:
        return self.type.value

    @property
    def range_bytes(self) -> tuple[int, int]:
        """Bytes stored of a scale and of a zero point: floats have neither."""
        return 0, 0

    def __str__(self) -> str:
        return self.type.value


Activations = ActivationFormat | StaticFormat | FloatFormat


def are_integers(format: Activations | None) -> bool:
    """Whether products of values so rounded are sums of integers, which are exact."""
    return isinstance(format, ActivationFormat | StaticFormat)


F32 = WeightFormat("f32", FloatGrid(FloatType.F32))
