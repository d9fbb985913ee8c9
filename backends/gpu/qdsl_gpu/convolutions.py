"""Convolutions with packed weights, channels last: patches for products, or groups alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from qdsl.target import DYNAMIC, FLOATS
from qdsl_gpu.kernels.conv_groups import KERNEL as CONV_GROUPS
from qdsl_gpu.ranges import Range
from qdsl_gpu.weights import Packed

_POSITIONS, _OUTPUTS = 16, 64  # of a program


@dataclass(frozen=True, slots=True)
class Geometry:
    """A window over two spatial axes, of which the first has one position where there is but one.

    `before` and `after` are padding; `out` counts positions; `axes` is 1 or 2.
    """

    axes: int
    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    gap: tuple[int, ...]

    @staticmethod
    def of(
        x: Tensor,
        kernel: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
    ) -> "Geometry":
        """Of x [B, spatial…, channels]; padding is before and after, per axis."""
        axes = len(kernel)
        first = (1,) * (2 - axes)
        none = (0,) * (2 - axes)
        return Geometry(
            axes,
            (*first, *x.shape[1:-1]),
            (*first, *kernel),
            (*first, *stride),
            (*none, *padding[::2]),
            (*none, *padding[1::2]),
            (*first, *dilation),
        )

    @property
    def out(self) -> tuple[int, ...]:
        every = zip(
            self.size, self.kernel, self.stride, self.before, self.after, self.gap, strict=True
        )
        return tuple((n + b + a - (k - 1) * d - 1) // s + 1 for n, k, s, b, a, d in every)

    def windows(self, x: Tensor) -> Tensor:
        """x [B, spatial…, C] → [B, out, out, C, kernel, kernel], 0 in the padding."""
        x = x.reshape(x.shape[0], *self.size, x.shape[-1])
        (top, left), (bottom, right) = self.before, self.after
        x = F.pad(x, (0, 0, left, right, top, bottom))
        for i, (size, step, gap) in enumerate(zip(self.kernel, self.stride, self.gap, strict=True)):
            x = x.unfold(1 + i, (size - 1) * gap + 1, step)[..., ::gap]
        return x

    def patches(self, x: Tensor) -> Tensor:
        """[B, positions…, kernel…·channels], channels fastest: what each position reads."""
        rows = self.windows(x).movedim(3, -1).flatten(3)
        return rows.reshape(x.shape[0], *self.out[2 - self.axes :], rows.shape[-1])


def grouped(
    x: Tensor,
    weight: Packed,
    bias: Tensor | None,
    shape: Geometry,
    groups: int,
    activations: str,
    scale: Tensor | None = None,
    zero: Tensor | None = None,
) -> Tensor:
    """x [B, spatial…, channels] → [B, positions…, outputs] of its type: groups of their own."""
    layout, batch = weight.layout, x.shape[0]
    x = x.contiguous()
    positions = batch * shape.out[0] * shape.out[1]
    y = x.new_empty(batch, *shape.out[2 - shape.axes :], layout.outputs)
    if not y.numel():
        return y
    how = _rounding(x, shape, activations, scale, zero)
    CONV_GROUPS[-(-positions // _POSITIONS), -(-layout.outputs // _OUTPUTS)](
        x, *how.tensors, weight.words, weight.scales, weight.zeros_or(weight.scales),
        weight.scales if weight.table is None else weight.table, x if bias is None else bias, y,
        positions, *shape.size, x.shape[-1], *shape.out, layout.outputs, layout.in_features,
        x.shape[-1] // groups, layout.outputs // groups, layout.rows, layout.steps, *layout.spacing,
        *shape.stride, *shape.before, *shape.gap, shape.kernel[1],
        BITS=layout.bits, SPARSE=layout.sparse, MULTIPLE=weight.multiple, CENTRE=weight.centre,
        FACTOR=weight.factor, ZERO=weight.zero_word, TABLE=weight.table is not None,
        WIDE=weight.is_wide(255), **how.constants, BIAS=bias is not None,
        BP=_POSITIONS, BN=_OUTPUTS, enable_fp_fusion=False,
    )  # fmt: skip
    return y


@dataclass(frozen=True, slots=True)
class _Rounding:
    """What `conv_groups` is told of it: its tensors `multipliers`, `step` and `shift`."""

    word: str
    tensors: tuple[Tensor, Tensor, Tensor]
    codes: tuple[int, int] = (0, 0)
    is_shifted: bool = False

    @property
    def constants(self) -> dict[str, object]:
        low, high = self.codes
        return {"WORD": self.word, "SHIFT": self.is_shifted, "LOW": low, "HIGH": high}


def _rounding(
    x: Tensor, shape: Geometry, activations: str, scale: Tensor | None, zero: Tensor | None
) -> _Rounding:
    if activations in FLOATS:
        return _Rounding(activations, (x, x, x))
    if activations in DYNAMIC:
        multiplier, step = _by_position(x, shape, activations)
        return _Rounding("dynamic", (multiplier, step, step))
    given = Range.of(activations, scale, zero)
    tensors = given.scale, given.scale, given.zero_or_scale
    return _Rounding("range", tensors, (given.low, given.high), given.zero is not None)


def _by_position(x: Tensor, shape: Geometry, activations: str) -> tuple[Tensor, Tensor]:
    """127 / a and a / 127 of each position, f32 [positions], as `round_rows` has them."""
    each = x.abs().amax(-1, keepdim=True).float()
    top = shape.windows(each).amax((3, 4, 5))
    if activations == "int8_tensor":
        top = top.amax((1, 2), keepdim=True).expand(top.shape)
    top = top.reshape(-1)
    # a number is divided by as a tensor: its reciprocal would be rounded first
    most = torch.full_like(top, 127.0)
    multiplier, finite = most / top, top.isfinite()
    multiplier = torch.where(finite & multiplier.isfinite(), multiplier, 0.0)
    return multiplier, torch.where(finite, top / most, torch.nan)
