"""Defines `Conv2d`: convolution over 2 spatial axes, channels last."""

from dataclasses import dataclass

from qdsl.ir import op
from qdsl.ir.builder import Builder, Value
from qdsl.ir.convolution import convolution, parameters
from qdsl.ir.layer import Layer
from qdsl.ir.model import Parameter


@dataclass(frozen=True)
class Conv2d(Layer):
    """[B, T, F, in] → [B, T', F', out]; weight [out, kernel, kernel, in/groups].

    padding: valid (none), same (length kept), half ((kernel - 1) // 2 on both sides), causal (all
    before). Initialised as torch.nn.Conv2d.
    """

    in_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    padding: str = "valid"
    dilation: int = 1
    groups: int = 1
    bias: bool = True

    def __post_init__(self) -> None:
        self._operation()

    def parameters(self) -> tuple[Parameter, ...]:
        return parameters(self._operation(), (self.in_channels, self.out_channels), self.bias)

    def forward(self, b: Builder, x: Value) -> Value:
        return b.emit(self._operation(), x, parameters=("weight", "bias")[: 1 + self.bias])

    def _operation(self) -> op.Conv:
        return convolution(
            channels=(self.in_channels, self.out_channels),
            kernel=(self.kernel, self.kernel),
            stride=(self.stride, self.stride),
            dilation=(self.dilation, self.dilation),
            padding=self.padding,
            groups=self.groups,
        )
