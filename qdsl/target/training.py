"""What a back end may compute in training."""

from functools import cache
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from qdsl.ir.format import StaticFormat, WeightFormat
from qdsl.target.installed import backends

if TYPE_CHECKING:
    from torch import Tensor, dtype


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
    None: every method may say so. Numbers are found in f32, and given in `type`.
    """

    def device_types(self) -> tuple[str, ...]:
        """Whose tensors it takes, in torch's words: `cuda`."""
        ...

    def fake_quantize(
        self, weight: "Tensor", format: WeightFormat, fixed: Fixed, type: "dtype"
    ) -> "Tensor | None":
        """What the codes of a weight f32 [N, K] stand for, with its gradient."""
        ...

    def round_over(self, x: "Tensor", axes: tuple[int, ...], type: "dtype") -> "Tensor | None":
        """x rounded to dynamic int8, a scale for all positions of those axes.

        Without a gradient.
        """
        ...

    def round_range(
        self,
        x: "Tensor",
        scale: "Tensor",
        zero: "Tensor | None",
        code_range: tuple[int, int],
        type: "dtype",
    ) -> "Tensor | None":
        """x rounded in a static range, with the gradient of x."""
        ...

    def round_learned(
        self, x: "Tensor", scale: "Tensor", code_range: tuple[int, int], type: "dtype"
    ) -> "Tensor | None":
        """x rounded in a learned range, with the gradients of x and scale f32 [1]."""
        ...

    def observe(self, x: "Tensor", low: "Tensor", high: "Tensor", momentum: float) -> bool:
        """Moves the ends f32 [] of a range by 1 - momentum to those of x; False: it does not.

        What is not finite counts as 0.
        """
        ...

    def scale_and_zero(
        self, low: "Tensor", high: "Tensor", format: StaticFormat
    ) -> "tuple[Tensor, Tensor | None] | None":
        """Scale and zero f32 [1] of a range f32 []."""
        ...

    def nm_mask(self, score: "Tensor", kept: int, group: int) -> "Tensor | None":
        """bool [N, K]: of `group` in a row the `kept` largest |score|, of equal ones the first."""
        ...

    def share_mask(self, score: "Tensor", pruned: int) -> "Tensor | None":
        """bool [N, K]: all but the `pruned` least |score|, all finite; of equal ones the first."""
        ...


@cache
def trainer(device_type: str) -> Trains | None:
    """The back end that rounds tensors of that device in training, if one is installed and runs."""
    for _, backend in sorted(backends().items()):
        if isinstance(backend, Trains) and device_type in backend.device_types():
            if backend.availability().available:
                return backend
    return None
