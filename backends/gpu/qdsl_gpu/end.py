"""Says what follows a product in the same kernel."""

from dataclasses import dataclass, replace

from torch import Tensor


@dataclass(frozen=True, slots=True)
class End:
    """What follows a product: bias f32 [N], relu, and a residual [M, N] that is added."""

    bias: Tensor | None = None
    relu: bool = False
    residual: Tensor | None = None

    def rows(self, at: slice) -> "End":
        """What follows the product of some rows."""
        return self if self.residual is None else replace(self, residual=self.residual[at])

    @property
    def flags(self) -> dict[str, bool]:
        """The constants of kernels."""
        has_bias, has_residual = self.bias is not None, self.residual is not None
        return {"BIAS": has_bias, "RELU": self.relu, "RESIDUAL": has_residual}

    def tensors(self, other: Tensor) -> tuple[Tensor, Tensor]:
        """Bias and residual for kernels, which do not read the `other` where there is none."""
        bias = other if self.bias is None else self.bias
        return bias, other if self.residual is None else self.residual
