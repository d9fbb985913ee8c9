"""Says what the kernels for GPUs serve and hands them weights and operations."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qdsl.ir.format import StaticFormat, WeightFormat
from qdsl.ir.ranges import SIDES
from qdsl.target import (
    CODES,
    DYNAMIC,
    FLOATS,
    FUSED,
    INTEGER,
    STATIC,
    Availability,
    Call,
    CanonicalWeight,
    Capability,
    Fixed,
)

if TYPE_CHECKING:
    from torch import Tensor, dtype
    from torch.library import Library

_INTEGER = (*DYNAMIC, *STATIC)
_GRIDS = {"integer": (2, 3, 4, 5, 6, 7, 8), "ternary": (2,), "binary": (1,)}
_INTEGER_LAYERS = (
    *((layer, "linear") for layer in ("linear", "conv", "lstm", "gru")),
    ("embedding", "embedding"),
)
_FAMILIES = (
    ("linear", "linear_float", FLOATS),
    ("linear", "linear_int8", _INTEGER),
    (FUSED, "linear_float", FLOATS),
    (FUSED, "linear_int8", _INTEGER),
    ("conv", "conv_groups", (*FLOATS, *_INTEGER)),
    ("lstm", "lstm_cell", (*FLOATS, "int8_token", *STATIC)),
    ("embedding", "dequantize", ("f32",)),
    ("dequantize", "dequantize", ("f32",)),
    *((f"integer_{layer}", f"integer_{kernel}", (CODES,)) for layer, kernel in _INTEGER_LAYERS),
)


@dataclass(frozen=True, slots=True)
class Gpu:
    """The back end `gpu`."""

    name: str = "gpu"

    def availability(self) -> Availability:
        from qdsl_gpu.devices import availability

        return availability()

    def capabilities(self) -> tuple[Capability, ...]:
        """Each takes any group, any zero point and any N:M, wherever it is asked."""
        return (
            *(
                Capability(kernel, operation, grid, bits, activations)
                for operation, kernel, activations in _FAMILIES
                for grid, bits in _GRIDS.items()
            ),
            Capability("integer_elementwise", INTEGER, "integer", (), (CODES,)),
            *(
                Capability(_value_kernel(value), value, "integer", (), ("bf16", *_INTEGER))
                for value in SIDES
            ),
            # values of a codebook are no integers
            *(
                Capability(kernel, operation, "codebook", (2, 3, 4), _floats(activations))
                for operation, kernel, activations in _FAMILIES
                if "f32" in activations
            ),
        )

    def repack(self, weight: CanonicalWeight) -> "Tensor":
        """See `qdsl_gpu.weights.repack`."""
        from qdsl_gpu.weights import repack

        return repack(weight)

    def register(self, library: "Library") -> None:
        from qdsl_gpu.operations import register

        register(library)

    def device_types(self) -> tuple[str, ...]:
        """`cuda` is torch's word for AMD's too."""
        from qdsl_gpu.devices import is_interpreted

        return ("cuda", "cpu") if is_interpreted() else ("cuda",)

    def fake_quantize(
        self, weight: "Tensor", format: WeightFormat, fixed: Fixed, type: "dtype"
    ) -> "Tensor | None":
        from qdsl_gpu.training import fake_quantize

        return fake_quantize(weight, format, fixed, type)

    def round_over(self, x: "Tensor", axes: tuple[int, ...], type: "dtype") -> "Tensor | None":
        from qdsl_gpu.activations import round_over

        return round_over(x, axes, type)

    def round_range(
        self,
        x: "Tensor",
        scale: "Tensor",
        zero: "Tensor | None",
        code_range: tuple[int, int],
        type: "dtype",
    ) -> "Tensor | None":
        from qdsl_gpu.activations import round_range

        return round_range(x, scale, zero, code_range, type)

    def round_learned(
        self, x: "Tensor", scale: "Tensor", code_range: tuple[int, int], type: "dtype"
    ) -> "Tensor | None":
        from qdsl_gpu.activations import round_learned

        return round_learned(x, scale, code_range, type)

    def observe(self, x: "Tensor", low: "Tensor", high: "Tensor", momentum: float) -> bool:
        from qdsl_gpu.observing import observe

        return observe(x, low, high, momentum)

    def scale_and_zero(
        self, low: "Tensor", high: "Tensor", format: StaticFormat
    ) -> "tuple[Tensor, Tensor | None] | None":
        from qdsl_gpu.observing import scale_and_zero

        return scale_and_zero(low, high, format)

    def tuning(self) -> Availability:
        from qdsl_gpu.devices import is_interpreted

        if is_interpreted():
            return Availability(False, "TRITON_INTERPRET is set, and tells nothing of a device")
        return self.availability()

    def device(self) -> str:
        from qdsl_gpu.devices import is_interpreted

        return "cpu" if is_interpreted() else "cuda"

    def tune(self, calls: Iterable[Call]) -> Iterator[str]:
        """See `qdsl_gpu.tuner.tune`."""
        from qdsl_gpu.clock import cache_bytes, seconds
        from qdsl_gpu.dispatch import gpu_name
        from qdsl_gpu.refused import on_this_device
        from qdsl_gpu.tuner import Tuner, tune

        return tune(calls, Tuner(seconds, on_this_device()), cache_bytes(), gpu_name(0))

    def nm_mask(self, score: "Tensor", kept: int, group: int) -> "Tensor | None":
        from qdsl_gpu.masks import nm_mask

        return nm_mask(score, kept, group)

    def share_mask(self, score: "Tensor", pruned: int) -> "Tensor | None":
        from qdsl_gpu.masks import share_mask

        return share_mask(score, pruned)


def _value_kernel(value: str) -> str:
    """The kernel that rounds a value, or multiplies two rounded ones."""
    return "matmul_int8" if value == "matmul" else "fake_range"


def _floats(activations: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in activations if word in FLOATS)


BACKEND = Gpu()
