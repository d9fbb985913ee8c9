"""Computes operations that torch has no single function for, on channels-last tensors."""

import warnings

import torch
import torch.nn.functional as F
from torch import Tensor

from qdsl.fx.shared_norm import has_others, shared_batch_norm

# a matter of speed that a user can do nothing about
warnings.filterwarnings("ignore", "LSTM with projections is not supported with oneDNN")


def state_or_zeros(state: Tensor | None, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """A state that was given, or zeros f32 of its shape."""
    return like.new_zeros(shape, dtype=torch.float32) if state is None else state


def given(x: Tensor | None, name: str) -> Tensor:
    """An input that has no default although one before it has; raises TypeError without it."""
    if x is None:
        raise TypeError(f"missing input `{name}`")
    return x


Padding = tuple[tuple[int, int], ...]  # before and after, per spatial axis


def convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: tuple[int, ...],
    padding: Padding,
    dilation: tuple[int, ...],
    groups: int,
) -> Tensor:
    """x [B, spatial…, in], weight [out, kernel…, in/groups] → [B, spatial…, out]."""
    both = tuple(before for before, _ in padding)
    if any(before != after for before, after in padding):
        x, both = pad_spatial(x, padding), (0,) * len(padding)
    function = F.conv1d if len(padding) == 1 else F.conv2d
    first, last = x.movedim(-1, 1), weight.movedim(-1, 1)
    return function(first, last, bias, stride, both, dilation, groups).movedim(1, -1)


def pad_spatial(x: Tensor, padding: Padding) -> Tensor:
    """Zeros before and after each spatial axis of x [B, spatial…, in]."""
    if not any(before or after for before, after in padding):
        return x
    # F.pad counts from the last axis
    amounts = [n for pair in reversed(padding) for n in pair]
    return F.pad(x, (0, 0, *amounts))


def patches(
    x: Tensor,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: Padding,
    dilation: tuple[int, ...],
) -> Tensor:
    """x [B, spatial…, in] → [B, positions…, kernel…·in]: what each output position reads.

    Columns are in the order of a weight's matrix, `in` fastest.
    """
    x = pad_spatial(x, padding)
    if {*kernel, *stride} == {1}:
        return x
    for i, (size, step, gap) in enumerate(zip(kernel, stride, dilation, strict=True)):
        x = x.unfold(1 + i, (size - 1) * gap + 1, step)[..., ::gap]
    # [B, positions…, in, kernel…] → [B, positions…, kernel…, in]
    axes = len(kernel)
    return x.movedim(1 + axes, -1).flatten(-1 - axes)


def grouped_rows(rows: Tensor, groups: int, channels: int) -> Tensor:
    """Patches [..., kernel…·in] → [..., groups·kernel…·in/groups]: what each group reads."""
    *lead, width = rows.shape
    # no -1, which a shape that varies could not say
    rows = rows.reshape(*lead, width // channels, groups, channels // groups)
    return rows.transpose(-3, -2).flatten(-3)


def grouped_linear(x: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> Tensor:
    """x [..., groups·K], weight [out, K] → [..., out], each group with its own outputs."""
    parts = x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups)
    own = weight.reshape(groups, -1, weight.shape[1])
    y = torch.einsum("...gk,gnk->...gn", parts, own).flatten(-2)
    return y if bias is None else y + bias


def lstm(
    x: Tensor,
    h: Tensor,
    c: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    weight_hr: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """x [B, T, in], h [B, out], c [B, hidden] → y [B, T, out], h, c; gates i, f, g, o."""
    if x.shape[1] == 0:  # which torch refuses
        return x.new_empty((x.shape[0], 0, h.shape[-1])), h, c
    weights = [weight_ih, weight_hh, bias, torch.zeros_like(bias)]
    if weight_hr is not None:
        weights.append(weight_hr)
    states = (h.unsqueeze(0), c.unsqueeze(0))
    y, h, c = torch.lstm(x, states, weights, True, 1, 0.0, False, False, True)
    return y, h.squeeze(0), c.squeeze(0)


def gru(
    x: Tensor, h: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor, bias_hn: Tensor
) -> tuple[Tensor, Tensor]:
    """x [B, T, in], h [B, hidden] → y [B, T, hidden], h; gates r, z, n."""
    if x.shape[1] == 0:  # which torch refuses
        return x.new_empty((x.shape[0], 0, h.shape[-1])), h
    weights = [weight_ih, weight_hh, bias, recurrent_bias(bias_hn)]
    y, h = torch.gru(x, h.unsqueeze(0), weights, True, 1, 0.0, False, False, True)
    return y, h.squeeze(0)


def recurrent_bias(bias_hn: Tensor) -> Tensor:
    """The bias [3H] of a GRU's recurrent product, [H] for n and zeros for r and z."""
    return F.pad(bias_hn, (2 * bias_hn.shape[0], 0))


def batch_norm(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    variance: Tensor,
    training: bool,
    momentum: float,
    eps: float,
) -> Tensor:
    """Over all axes but the last; in training with the batch's statistics, which it records.

    The batch is that of all processes.
    """
    flat = x.reshape(-1, x.shape[-1])
    if training and has_others():
        return shared_batch_norm(flat, weight, bias, mean, variance, momentum, eps).view(x.shape)
    return F.batch_norm(flat, mean, variance, weight, bias, training, momentum, eps).view(x.shape)


def scale_and_shift(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """x [..., C] · scale [C] + shift [C]."""
    return x * scale + shift


def windows(x: Tensor, axis: int, size: int, stride: int) -> Tensor:
    """[…, T, …] → […, (T - size) // stride + 1, size, …]."""
    return x.unfold(axis, size, stride).movedim(-1, axis % x.dim() + 1)


def pool(x: Tensor, function: str, axis: int, size: int, stride: int) -> Tensor:
    """`max` or `mean` over windows of one axis."""
    frames = x.unfold(axis, size, stride)
    return frames.amax(-1) if function == "max" else frames.mean(-1)


def pad(x: Tensor, axis: int, before: int, after: int, value: float) -> Tensor:
    """`before` and `after` positions of `value` along one axis."""
    from_last = x.dim() - 1 - axis % x.dim()
    return F.pad(x, (*(0, 0) * from_last, before, after), value=value)


def index_update(x: Tensor, values: Tensor, position: Tensor, axis: int) -> Tensor:
    """x with `values` written along the axis from `position` (i64 []) on."""
    index = position + torch.arange(values.shape[axis], device=x.device)
    return x.index_copy(axis, index, values)


def relative_shift(x: Tensor) -> Tensor:
    """y[..., t, s] = x[..., t, T - 1 - t + s] for x [..., T, 2S - 1] → y [..., T, S].

    Column j of x is the distance S - 1 - j from key to query, queries aligned with the last keys.
    In a flat x the wanted part of a row begins 2S - 2 elements after that of the row before: the
    shift of arXiv 1901.02860, B, without a copy.
    """
    *_, queries, columns = x.shape
    positions = (columns + 1) // 2
    if columns == 1:  # one position
        return x
    length = (queries - 1) * (columns - 1) + positions
    flat = x.flatten(-2).narrow(-1, queries - 1, length)
    return flat.unfold(-1, positions, columns - 1)
