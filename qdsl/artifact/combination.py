"""Numbers the sets of N kept positions in a group of M, in lexicographic order.

Of positions p_0 < p_1 < … < p_(N-1) the rank is C(M, N) - 1 - Σ_i C(M - 1 - p_i, N - i).
"""

from functools import cache
from math import comb

import numpy as np
from numpy.typing import NDArray

from qdsl.ir.pattern import LARGEST_RANK_BITS, NM, combinations

Ranks = NDArray[np.uint64]


def ranks(positions: NDArray[np.integer], pattern: NM) -> Ranks:
    """Ascending positions [rows, groups · N] → ranks u64 [rows, groups]."""
    rows, count = positions.shape
    found = positions.reshape(rows, count // pattern.kept, pattern.kept).astype(np.int64)
    after = _after(pattern)[np.arange(pattern.kept), found].sum(axis=2, dtype=np.uint64)
    last: Ranks = np.uint64(combinations(pattern.group, pattern.kept) - 1) - after
    return last


def positions(ranks: Ranks, pattern: NM) -> NDArray[np.uint8]:
    """The inverse for ranks below C(M, N): u64 [rows, groups] → u8 [rows, groups · N]."""
    rows, groups = ranks.shape
    left = np.uint64(combinations(pattern.group, pattern.kept) - 1) - ranks
    found = np.empty((rows, groups, pattern.kept), np.uint8)
    for i, after in enumerate(_after(pattern)):
        # the first position that leaves at most `left` sets after it
        place = pattern.group - np.searchsorted(after[::-1], left, side="right")
        found[..., i] = place
        left = left - after[place]
    return found.reshape(rows, groups * pattern.kept)


@cache
def _after(pattern: NM) -> NDArray[np.uint64]:
    """C(M - 1 - p, N - i) at [i, p]; no set has the positions of those beyond 63 bits."""
    most, last = 1 << LARGEST_RANK_BITS, pattern.group - 1
    table = [
        [min(comb(last - p, pattern.kept - i), most) for p in range(pattern.group)]
        for i in range(pattern.kept)
    ]
    return np.array(table, np.uint64)
