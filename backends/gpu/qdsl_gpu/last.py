"""Lets the last program of a tile end it, inside kernels: parts along K need no second launch.

Each program stores its part, then counts itself. Who counts last sees what all have stored and adds
the parts in their order, so that no sum depends on who it was; it leaves the counter at 0.
"""

import triton
import triton.language as tl


@triton.jit
def is_last(counters, programs):
    """Whether this is the last of `programs` of a tile [program_id(0), program_id(1)].

    counters i32, one for each tile, all 0; what the program stored before is seen by the last.
    """
    tile = tl.program_id(1) * tl.num_programs(0) + tl.program_id(0)
    tl.debug_barrier()  # all threads have stored: one of them counts for all
    last = tl.atomic_add(counters + tile, 1, sem="acq_rel") == programs - 1
    if last:
        tl.store(counters + tile, 0)
    return last


@triton.jit
def places(m, n, M, N):
    """Where [n, m] lie in a part [M, N], and which of them there are."""
    at = m[None, :].to(tl.int64) * N + n[:, None]
    return at, (m < M)[None, :] & (n < N)[:, None]


@triton.jit
def store_part(parts, value, index, m, n, M, N):
    """Stores a tile [n, m] of part `index` of parts [count, M, N]."""
    at, inside = places(m, n, M, N)
    tl.store(parts + tl.cast(M, tl.int64) * N * index + at, value, mask=inside)


@triton.jit
def sum_parts(parts, count, m, n, M, N, TYPE: tl.constexpr):
    """The sum of parts 0, 1, … [n, m] in TYPE, which may have been stored by other programs."""
    at, inside = places(m, n, M, N)
    value = tl.zeros((n.shape[0], m.shape[0]), TYPE)
    # several are under way at once; none is taken from a cache of this multiprocessor
    for index in tl.range(0, count, loop_unroll_factor=4):
        part = parts + tl.cast(M, tl.int64) * N * index
        value += tl.load(part + at, mask=inside, other=0, cache_modifier=".cg")
    return value
