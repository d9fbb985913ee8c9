"""Lists the words of static ranges that kernels serve."""

from collections.abc import Mapping
from typing import Final


def _ranges() -> dict[str, tuple[int, int]]:
    found = {}
    for bits in range(2, 9):
        top = 2 ** (bits - 1) - 1
        found[f"int{bits}_static"] = (-top, top)
        found[f"int{bits}_static_full"] = (-top - 1, top)
        found[f"uint{bits}_static"] = (0, 2**bits - 1)
    return found


STATIC: Final[Mapping[str, tuple[int, int]]] = _ranges()
"""Lowest and highest code of each word."""
