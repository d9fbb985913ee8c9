"""The GPU back end: present so that plans can say why it is not used; without kernels so far."""

from typing import TYPE_CHECKING

from qdsl.target import Availability, CanonicalWeight, Capability

if TYPE_CHECKING:
    from torch import Tensor
    from torch.library import Library


class GpuBackend:
    """Serves nothing yet, and says so."""

    name = "gpu"

    def availability(self) -> Availability:
        return Availability(False, "this release has no GPU kernels")

    def capabilities(self) -> tuple[Capability, ...]:
        return ()

    def repack(self, weight: CanonicalWeight) -> "Tensor":
        raise RuntimeError("the gpu back end is unavailable: this release has no GPU kernels")

    def register(self, library: "Library") -> None:
        raise RuntimeError("the gpu back end is unavailable: this release has no GPU kernels")


BACKEND = GpuBackend()
