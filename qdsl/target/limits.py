"""What a back end may measure of its machine."""

from typing import Protocol, runtime_checkable

from qdsl.record import record


@record
class Peak:
    """Something that a machine multiplies: `int8`, `bf16` or `f32`, by an instruction set."""

    operands: str
    instructions: str


@runtime_checkable
class Measured(Protocol):
    """A back end that can measure the limits of its machine, for `qdsl bench`.

    A measurement takes some milliseconds and uses as many threads as it is told. Called only where
    the back end is available.
    """

    def peaks(self) -> tuple[Peak, ...]:
        """What can be measured, of what kernels may use here."""
        ...

    def rate(self, peak: Peak, threads: int) -> float:
        """Operations a second; a multiplication and an addition are two."""
        ...

    def bandwidth(self, bytes: int, threads: int) -> float:
        """Bytes a second read from a working set of so many bytes."""
        ...

    def memory_bytes(self) -> int:
        """A working set that no cache holds."""
        ...

    def fork_join(self, threads: int) -> float:
        """Seconds until threads have begun and ended to do nothing."""
        ...
