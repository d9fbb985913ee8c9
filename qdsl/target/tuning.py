"""What a back end may find out of its own kernels."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from qdsl.record import record
from qdsl.target.contract import Availability

if TYPE_CHECKING:
    from torch import Tensor


@record
class Call:
    """A call of an operation of `qdsl::` on a packed weight; `run` makes it with a copy of that."""

    weight: "Tensor"
    run: "Callable[[Tensor], object]"


@runtime_checkable
class Tunable(Protocol):
    """A back end that finds out how its kernels run fastest on this machine, for `qdsl tune`."""

    def tuning(self) -> Availability:
        """Whether there is something here to measure."""
        ...

    def tune(self, calls: Iterable[Call]) -> Iterator[str]:
        """A line for what was measured, when it is kept for later runs; raises OSError."""
        ...
