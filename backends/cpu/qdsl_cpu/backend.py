"""Says what the processor's kernels serve and hands them weights and operations."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qdsl.ir.ranges import SIDES
from qdsl.target import (
    CODES,
    DYNAMIC,
    FLOATS,
    FUSED,
    INTEGER,
    STATIC,
    Availability,
    CanonicalWeight,
    Capability,
    Peak,
    Survey,
)

if TYPE_CHECKING:
    from torch import Tensor
    from torch.library import Library

_INTEGER = (*DYNAMIC, *STATIC)
_INTEGER_LAYERS = ("linear", "conv", "embedding", "lstm", "gru")
_GRIDS = {"integer": (2, 3, 4, 5, 6, 7, 8), "ternary": (2,), "binary": (1,)}


@dataclass(frozen=True, slots=True)
class Processor:
    """The back end `cpu`."""

    name: str = "cpu"

    def availability(self) -> Availability:
        try:
            isa()
        except ImportError as error:
            return Availability(False, f"the kernels are not built: {error}")
        except ValueError as error:
            return Availability(False, f"QDSL_ISA: {error}{_near_isa()}", mistaken=True)
        return Availability(True)

    def capabilities(self) -> tuple[Capability, ...]:
        """Each takes any group, any zero point and any N:M; none where nothing can run."""
        if not self.availability().available:
            return ()
        families = (
            ("linear", _kernel("linear_int8"), _INTEGER),
            ("linear", _kernel("linear_f32"), ("f32",)),
            (FUSED, _kernel("linear_int8"), _INTEGER),
            ("conv", _kernel("convolution"), (*FLOATS, *_INTEGER)),
            ("linear", _kernel("linear_bf16", "linear_f32"), ("bf16",)),
            ("lstm", _kernel("lstm_f32"), (*FLOATS, "int8_token", *STATIC)),
            ("gru", _kernel("gru_f32"), (*FLOATS, "int8_token", *STATIC)),
            ("embedding", "embedding_scalar", ("f32",)),
            ("dequantize", "dequantize_scalar", ("f32",)),
            *((f"integer_{layer}", _kernel("integer"), (CODES,)) for layer in _INTEGER_LAYERS),
        )
        return (
            *(
                Capability(kernel, operation, grid, bits, activations)
                for operation, kernel, activations in families
                for grid, bits in _GRIDS.items()
            ),
            *(Capability(_value_kernel(value), value, "integer", (), _INTEGER) for value in SIDES),
            Capability(_kernel("integer"), INTEGER, "integer", (), (CODES,)),
            # values of a codebook are no integers
            *(
                Capability(_codebook_kernel(kernel), operation, "codebook", (2, 3, 4), floats)
                for operation, kernel, activations in families
                if (floats := tuple(word for word in activations if word in FLOATS))
            ),
        )

    def survey(self) -> Survey:
        """See `qdsl_cpu.machine.survey`."""
        from qdsl_cpu.machine import survey

        return survey()

    def peaks(self) -> tuple[Peak, ...]:
        """See `qdsl_cpu.limits.peaks`."""
        from qdsl_cpu.limits import peaks

        return peaks(isa())

    def rate(self, peak: Peak, threads: int) -> float:
        """See `qdsl_cpu.limits.rate`."""
        from qdsl_cpu.limits import rate

        return rate(peak, threads)

    def memory_bytes(self) -> int:
        """See `qdsl_cpu.limits.memory_bytes`."""
        from qdsl_cpu.limits import memory_bytes

        return memory_bytes()

    def bandwidth(self, bytes: int, threads: int) -> float:
        from qdsl_cpu import _native

        return _native.limits_bandwidth(bytes, threads)

    def fork_join(self, threads: int) -> float:
        from qdsl_cpu import _native

        return _native.limits_fork_join(threads)

    def repack(self, weight: CanonicalWeight) -> "Tensor":
        """See `qdsl_cpu.weights.repack`."""
        from qdsl_cpu.weights import repack_canonical

        return repack_canonical(weight)

    def register(self, library: "Library") -> None:
        from qdsl_cpu.operations import register

        register(library)


BACKEND = Processor()


def _near_isa() -> str:
    """What QDSL_ISA may have meant, behind a reason."""
    from difflib import get_close_matches

    from qdsl_cpu.machine import NEEDS

    wanted = os.environ.get("QDSL_ISA", "")
    near = get_close_matches(wanted.lower(), NEEDS, n=1)
    return f"; did you mean `{near[0]}`?" if near and wanted not in NEEDS else ""


def _value_kernel(value: str) -> str:
    """The kernel that rounds a value, or multiplies two rounded ones."""
    return _kernel("matmul_int8" if value == "matmul" else "round_values")


def _codebook_kernel(kernel: str) -> str:
    """Their values are no bf16: activations that are become floats again."""
    return _kernel("linear_f32") if kernel.startswith("linear_bf16") else kernel


def isa() -> str:
    """The instruction set that runs: the best of this processor, or the one in QDSL_ISA.

    Raises ImportError where the kernels are not built, ValueError where QDSL_ISA names an
    instruction set that this processor lacks.
    """
    from qdsl_cpu import _native

    return _native.isa()


def _kernel(*families: str) -> str:
    """The one that runs: of the first family that has one up to `isa()`, the best."""
    from qdsl_cpu import _native

    sets = _native.isas()
    below = sets[: sets.index(_native.isa()) + 1]
    built = set(_native.kernels())
    names = (f"{family}_{s}" for family in families for s in reversed(below))
    return next(name for name in names if name in built)
