"""Describes a static range of activations, and how its codes fit into int8."""

from dataclasses import dataclass

from torch import Tensor

from qdsl.target import STATIC


@dataclass(frozen=True, slots=True)
class Range:
    """Codes low to high, scale f32 [1], and zero f32 [1] or None: a code q stands for s · (q - z).

    Both stay on their device: no kernel waits for the processor to read them.
    """

    low: int
    high: int
    scale: Tensor
    zero: Tensor | None

    @staticmethod
    def of(activations: str, scale: Tensor | None, zero: Tensor | None) -> "Range":
        """Raises ValueError for a word that is none of a static range, and without a scale."""
        if activations not in STATIC:
            raise ValueError(f"activations `{activations}`")
        if scale is None:
            raise ValueError(f"activations `{activations}` need a scale")
        return Range(*STATIC[activations], scale, zero)

    @property
    def is_shifted(self) -> bool:
        """Whether codes less the zero may leave int8: then `origin` is taken off instead."""
        if self.zero is None:
            return self.low < -128 or self.high > 127
        return self.high - self.low > 127

    @property
    def origin(self) -> int:
        return self.low + 128

    @property
    def zero_or_scale(self) -> Tensor:
        """The zero for kernels, which do not read it where there is none."""
        return self.scale if self.zero is None else self.zero
