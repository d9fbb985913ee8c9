"""Makes the operation and the parameters of a convolution from a layer's arguments."""

from math import prod

from qdsl.ir.layer import LayerError, positive
from qdsl.ir.model import Parameter, Role
from qdsl.ir.op import Conv


def padding_of(
    word: str, kernel: tuple[int, ...], dilation: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    """`valid`: none. `same`: length kept (stride 1). `causal`: all before. `half`: (k - 1)//2."""
    spans = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    match word:
        case "valid":
            return tuple((0, 0) for _ in spans)
        case "same":
            return tuple((s // 2, s - s // 2) for s in spans)
        case "half":
            return tuple((s // 2, s // 2) for s in spans)
        case "causal":
            return tuple((s, 0) for s in spans)
        case _:
            raise LayerError(f"`padding` is `{word}`, must be valid, same, half or causal")


def convolution(
    *,
    channels: tuple[int, int],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    padding: str,
    groups: int,
) -> Conv:
    """The operation; raises LayerError for arguments that do not fit."""
    in_channels, out_channels = channels
    positive(in_channels=in_channels, out_channels=out_channels, groups=groups)
    for name, values in (("kernel", kernel), ("stride", stride), ("dilation", dilation)):
        for value in values:
            positive(**{name: value})
    if in_channels % groups or out_channels % groups:
        raise LayerError(f"`groups` {groups} does not divide {in_channels} -> {out_channels}")
    if padding == "same" and any(s > 1 for s in stride):
        raise LayerError("`padding` same takes stride 1; with a stride use half")
    return Conv(kernel, stride, padding_of(padding, kernel, dilation), dilation, groups)


def parameters(conv: Conv, channels: tuple[int, int], bias: bool) -> tuple[Parameter, ...]:
    """weight [out, kernel…, in/groups] and bias [out]."""
    in_channels, out_channels = channels
    shape = (out_channels, *conv.kernel, in_channels // conv.groups)
    init = f"uniform({prod(shape[1:])})"
    weight = Parameter("weight", shape, Role.WEIGHT, init)
    return (weight, Parameter("bias", (out_channels,), Role.BIAS, init)) if bias else (weight,)
