"""Aligns cells into columns."""

from collections.abc import Iterable, Sequence


def table(lines: Sequence[Sequence[str]], right: Iterable[int]) -> list[str]:
    """Columns as wide as their widest cell, two spaces between; `right` are aligned so."""
    flush = frozenset(right)
    widths = [max(map(len, column), default=0) for column in zip(*lines, strict=True)]
    return [
        "  ".join(
            cell.rjust(w) if i in flush else cell.ljust(w)
            for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
