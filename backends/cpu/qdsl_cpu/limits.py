"""Says what this processor can do at most, by measuring it."""

from contextlib import suppress
from pathlib import Path

from qdsl.target import Peak
from qdsl_cpu import _native

ORDERS = (
    ("scalar", "avx2", "avxvnni", "avx512vnni", "avx512vbmi", "avx512bf16"),
    ("scalar", "neon", "neondot", "neoni8mm"),
)
"""Instruction sets of peaks, in ascending order within an architecture."""

_LEAST_MEMORY, _MOST_MEMORY = 256 << 20, 4 << 30
_CACHES = Path("/sys/devices/system/cpu")


def peaks(chosen: str) -> tuple[Peak, ...]:
    """What this processor multiplies; below the best instruction set, only what `chosen` has."""
    best = _native.isas()[-1]
    order = next((order for order in ORDERS if {chosen, best} <= {*order}), ())
    below = order[: order.index(chosen) + 1] if order and chosen != best else ()
    return tuple(
        Peak(operands, instructions)
        for operands, instructions in _native.limits_peaks()
        if not below or instructions in below
    )


def rate(peak: Peak, threads: int) -> float:
    """Operations a second: a multiplication and an addition are two."""
    return _native.limits_rate((peak.operands, peak.instructions), threads)


def memory_bytes() -> int:
    """A working set that no cache holds: four times the last caches, 256 MiB to 4 GiB."""
    return min(max(_LEAST_MEMORY, 4 * _last_caches()), _MOST_MEMORY)


def _last_caches() -> int:
    """Bytes of all caches of the highest level, as Linux tells them; 0 where nobody tells."""
    found: dict[tuple[int, str], int] = {}
    for cache in _CACHES.glob("cpu[0-9]*/cache/index*"):
        with suppress(OSError, ValueError):
            level, shared, size = (
                (cache / name).read_text(encoding="ascii").strip()
                for name in ("level", "shared_cpu_list", "size")
            )
            found[int(level), shared] = int(size.removesuffix("K")) << 10
    last = max((level for level, _ in found), default=0)
    return sum(size for (level, _), size in found.items() if level == last)
