"""What every back end promises, and what it may tell of itself."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from qdsl.ir.format import WeightFormat
from qdsl.record import record

if TYPE_CHECKING:
    from torch import Tensor
    from torch.library import Library


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


@runtime_checkable
class Placed(Protocol):
    """A back end whose kernels are on a device of its own; those of others are on the processor."""

    def device(self) -> str:
        """Where weights and inputs have to be, in torch's words: `cuda`."""
        ...


def device_of(backend: Backend) -> str:
    """Where the back end wants weights and inputs, in torch's words."""
    return backend.device() if isinstance(backend, Placed) else "cpu"
