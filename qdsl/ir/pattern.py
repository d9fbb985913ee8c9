"""Defines sparsity patterns: which weights of a row may be other than 0."""

from qdsl.record import record

LARGEST_M = 256  # a kept code's position in its group fits one byte


@record
class Dense:
    """Every weight is kept."""

    def __str__(self) -> str:
        return ""


@record
class NM:
    """`kept` of every `group` consecutive weights along the reduction axis are kept."""

    kept: int
    group: int

    @property
    def index_bits(self) -> int:
        """Bits of a kept code's position inside its group: ceil(log2 M)."""
        return (self.group - 1).bit_length()

    def __str__(self) -> str:
        return f"{self.kept}:{self.group}"


Pattern = Dense | NM
