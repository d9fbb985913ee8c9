"""Defines what a back end promises: capabilities without torch, kernels with it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Protocol, assert_never, cast, runtime_checkable

from qdsl.ir.format import (
    ActivationFormat,
    Activations,
    BinaryGrid,
    CodebookGrid,
    FloatFormat,
    FloatGrid,
    IntegerGrid,
    Levels,
    PerToken,
    StaticFormat,
    TernaryGrid,
    WeightFormat,
)
from qdsl.record import record
from qdsl.registry import entry_points, load_entry_point

if TYPE_CHECKING:
    from torch import Tensor
    from torch.library import Library

GROUP = "qdsl.backends"  # entry points: name = module:BACKEND
INTEGER = "integer"
"""The operations on integers that take no weight; those that take one are `integer_linear` ..."""
CODES = "int16"
"""The word of what operations on integers are given."""
FLOATS = ("f32", "bf16")
"""The words of activations whose products are sums of floats."""
DYNAMIC = ("int8_token", "int8_tensor")
"""The words of activations that are rounded by a scale of their own."""
FUSED = "linear_fused"
"""The operation of capabilities whose back end's `qdsl::linear` takes `relu` and `residual`."""

REFERENCE = "reference"
"""The back end that every format runs on, exactly and slowly: a target has to ask for it."""


@record
class Availability:
    """Whether kernels can run here, and if not, why; `mistaken` where a setting forbids it."""

    available: bool
    reason: str = ""
    mistaken: bool = False


@record
class Survey:
    """What this machine can run of a back end, for `qdsl doctor`.

    chosen: the instruction set (or device) that runs; instruction_sets, kernels: every one that
    was built, by name.
    """

    chosen: str
    instruction_sets: Mapping[str, Availability]
    kernels: Mapping[str, Availability]


@record
class Capability:
    """One kernel family: what it computes, from which weights and activations.

    operation is an operation of `qdsl::` (linear, embedding, lstm, dequantize) or INTEGER; grid is
    `integer`, `ternary`, `binary` or `codebook`; activations are words of `input_word`.
    """

    kernel: str
    operation: str
    grid: str
    bits: tuple[int, ...]
    activations: tuple[str, ...]


@record
class CanonicalWeight:
    """A weight as the artifact stores it; the arrays are torch tensors.

    codes u8 [outputs, row bytes]; scales [outputs or 1, groups] in their stored float type; zeros
    u8 [outputs or 1, row bytes] (integer zero), floats like scales (float zero) or None; index u8
    [outputs, row bytes] with N:M, else None; codebook f32 [2^bits] where training found one.
    """

    format: WeightFormat
    outputs: int
    in_features: int
    codes: "Tensor"
    scales: "Tensor"
    zeros: "Tensor | None"
    index: "Tensor | None"
    codebook: "Tensor | None" = None


class Backend(Protocol):
    """What an entry point of `qdsl.backends` provides; importing it must not import torch."""

    @property
    def name(self) -> str: ...

    def availability(self) -> Availability: ...

    def capabilities(self) -> tuple[Capability, ...]: ...

    def repack(self, weight: CanonicalWeight) -> "Tensor":
        """The weight as one self-describing u8 tensor that this back end's kernels read."""
        ...

    def register(self, library: "Library") -> None:
        """Implements the operations of `qdsl::` for this back end's device."""
        ...


@runtime_checkable
class Surveyed(Protocol):
    """A back end that can tell of each of its kernels; not every one does."""

    def survey(self) -> Survey:
        """Called only where the back end is available."""
        ...


@record
class Peak:
    """Something that a machine multiplies: `int8`, `bf16` or `f32`, by an instruction set."""

    operands: str
    instructions: str


@runtime_checkable
class Measured(Protocol):
    """A back end that can measure the limits of its machine, for `qdsl bench`.

    A measurement takes some milliseconds and uses as many threads as it is told. Called only where
    the back end is available.
    """

    def peaks(self) -> tuple[Peak, ...]:
        """What can be measured, of what kernels may use here."""
        ...

    def rate(self, peak: Peak, threads: int) -> float:
        """Operations a second; a multiplication and an addition are two."""
        ...

    def bandwidth(self, bytes: int, threads: int) -> float:
        """Bytes a second read from a working set of so many bytes."""
        ...

    def memory_bytes(self) -> int:
        """A working set that no cache holds."""
        ...

    def fork_join(self, threads: int) -> float:
        """Seconds until threads have begun and ended to do nothing."""
        ...


class Fixed(Protocol):
    """What a rounding of a weight [N, K] reads and does not compute; see `State` of fx.numerics.

    mask bool [N, K]; clip, scale, zero f32 [R, G]; codebook f32 [2^b].
    """

    @property
    def mask(self) -> "Tensor | None": ...
    @property
    def clip(self) -> "Tensor | None": ...
    @property
    def scale(self) -> "Tensor | None": ...
    @property
    def zero(self) -> "Tensor | None": ...
    @property
    def codebook(self) -> "Tensor | None": ...


@runtime_checkable
class Trains(Protocol):
    """A back end that rounds in training, each in one kernel forward and one backward.

    Numbers and gradients are those of `qdsl.fx`, which computes with torch what is answered with
    None: every method may say so.
    """

    def device_types(self) -> tuple[str, ...]:
        """Whose tensors it takes, in torch's words: `cuda`."""
        ...

    def fake_quantize(
        self, weight: "Tensor", format: WeightFormat, fixed: Fixed
    ) -> "Tensor | None":
        """What the codes of a weight f32 [N, K] stand for, with its gradient."""
        ...

    def round_over(self, x: "Tensor", axes: tuple[int, ...]) -> "Tensor | None":
        """x in its type, rounded to dynamic int8, a scale for all positions of those axes.

        Without a gradient.
        """
        ...

    def round_range(
        self,
        x: "Tensor",
        scale: "Tensor",
        zero: "Tensor | None",
        code_range: tuple[int, int],
    ) -> "Tensor | None":
        """x in its type, rounded in a static range, with the gradient of x."""
        ...

    def round_learned(
        self, x: "Tensor", scale: "Tensor", code_range: tuple[int, int]
    ) -> "Tensor | None":
        """x in its type, rounded in a learned range, with the gradients of x and scale f32 [1]."""
        ...

    def nm_mask(self, score: "Tensor", kept: int, group: int) -> "Tensor | None":
        """bool [N, K]: of `group` in a row the `kept` largest |score|, of equal ones the first."""
        ...


@cache
def trainer(device_type: str) -> Trains | None:
    """The back end that rounds tensors of that device in training, if one is installed and runs."""
    for _, backend in sorted(backends().items()):
        if isinstance(backend, Trains) and device_type in backend.device_types():
            if backend.availability().available:
                return backend
    return None


@record
class Call:
    """A call of an operation of `qdsl::` on a packed weight; `run` makes it with a copy of that."""

    weight: "Tensor"
    run: "Callable[[Tensor], object]"


@runtime_checkable
class Tunable(Protocol):
    """A back end that finds out how its kernels run fastest on this machine, for `qdsl tune`."""

    def tuning(self) -> Availability:
        """Whether there is something here to measure."""
        ...

    def device(self) -> str:
        """Where weights and inputs of calls have to be, in torch's words."""
        ...

    def tune(self, calls: Iterable[Call]) -> Iterator[str]:
        """A line for what was measured, when it is kept for later runs; raises OSError."""
        ...


@cache
def backends() -> Mapping[str, Backend]:
    """Installed back ends by name; one that cannot be imported is left out by `installed`."""
    return {name: b for name, b in installed().items() if not isinstance(b, Availability)}


@cache
def installed() -> Mapping[str, Backend | Availability]:
    """Every entry point: the back end, or why it could not be imported."""
    found: dict[str, Backend | Availability] = {}
    for name, value in entry_points(GROUP).items():
        try:
            found[name] = cast(Backend, load_entry_point(value))
        except Exception as failure:  # a third party's package may fail in any way
            found[name] = Availability(False, f"{type(failure).__name__}: {failure}")
    return found


def grid_word(format: WeightFormat) -> str:
    """The word of a capability for the format's grid."""
    grid = format.grid
    match grid:
        case IntegerGrid():
            return "integer"
        case TernaryGrid():
            return "ternary"
        case BinaryGrid():
            return "binary"
        case CodebookGrid():
            return "codebook"
        case FloatGrid():
            return "float"
        case _:
            assert_never(grid)


def activation_word(format: Activations | None) -> str:
    """`f32`, `bf16`, `int8_token`, `int8_tensor`, or of a static range `uint8_static`.

    Signed static codes that begin at -2^(b-1) are `int8_static_full`.
    """
    match format:
        case None:
            return "f32"
        case ActivationFormat(PerToken()):
            return "int8_token"
        case ActivationFormat():
            return "int8_tensor"
        case FloatFormat(type):
            return type.value
        case StaticFormat(grid):
            full = "_full" if grid.signed and grid.levels is Levels.FULL else ""
            return f"{format.family}_static{full}"
        case _:
            assert_never(format)


def _static_ranges() -> dict[str, tuple[int, int]]:
    levels = ((True, Levels.NARROW), (True, Levels.FULL), (False, Levels.FULL))
    grids = [IntegerGrid(bits, *each) for bits in range(2, 9) for each in levels]
    return {activation_word(StaticFormat(grid)): (grid.qmin, grid.qmax) for grid in grids}


STATIC: Mapping[str, tuple[int, int]] = _static_ranges()
"""Lowest and highest code of each word of a static range."""


def input_word(operation: str, activations: Activations | None) -> str:
    """The word of what an operation of `qdsl::` is given."""
    return CODES if operation.startswith(INTEGER) else activation_word(activations)


def find_kernel(
    backend: Backend, operation: str, weight: WeightFormat, activations: Activations | None
) -> Capability | None:
    """The kernel that serves a layer, None when there is none."""
    from qdsl.ir.format import code_bits

    if isinstance(weight.grid, FloatGrid):
        return None
    wanted = (operation, grid_word(weight), input_word(operation, activations))
    for capability in backend.capabilities():
        served = (capability.operation, capability.grid) == wanted[:2]
        if served and code_bits(weight.grid) in capability.bits:
            if wanted[2] in capability.activations:
                return capability
    return None
