"""Rounds weights to what their codes stand for: scales are found and applied in one pass."""

import triton
import triton.language as tl

from qdsl_gpu.groups import place, read
from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.rounding import restored
from qdsl_gpu.scales import find


@triton.jit
def fake_quantize(
    w, mask, clips, scales, zeros, values, y, groups, G, K, L, coefficient,
    MASK: tl.constexpr, CLIP: tl.constexpr, GIVEN: tl.constexpr, GRID: tl.constexpr,
    ZERO: tl.constexpr, LOW: tl.constexpr, HIGH: tl.constexpr, STEPS: tl.constexpr,
    SCALE: tl.constexpr, ZERO_TYPE: tl.constexpr, VALUES: tl.constexpr,
    BG: tl.constexpr, BL: tl.constexpr,
):  # fmt: skip
    """w f32 [N, K] → y alike, in `groups` of L columns, G a row; see `qdsl_gpu.scales`.

    mask u8 [N, K] and values f32 [VALUES]; clips, scales and zeros f32 [N, G].
    """
    i, begin, columns = place(groups, G, K, L, BG)
    s, z, _, _, _, _, middle, _ = find(
        w, mask, clips, scales, zeros, i, begin, columns, L, coefficient, i < groups,
        MASK, CLIP, GIVEN, GRID, ZERO, LOW, HIGH, STEPS, SCALE, ZERO_TYPE, BG, BL,
    )  # fmt: skip
    for start in range(0, L, BL):
        k = start + tl.arange(0, BL)
        x, kept = read(w, mask, begin, columns, k, MASK)
        found = restored(x, s, z, middle, values, GRID, ZERO, LOW, HIGH, VALUES)
        found = tl.where(kept, found, 0.0)
        tl.store(y + begin[:, None] + k[None, :], found, mask=k[None, :] < columns[:, None])


POINTERS = {
    "w": "*fp32", "mask": "*u8", "clips": "*fp32", "scales": "*fp32", "zeros": "*fp32",
    "values": "*fp32", "y": "*fp32",
}  # fmt: skip
SIZES = {"groups": "i32", "G": "i32", "K": "i32", "L": "i32", "coefficient": "fp32"}


def constants(columns: int, **given: object) -> dict[str, object]:
    """Those of int4 in groups of so many columns, but for what is given."""
    block = min(columns, 1024)
    usual: dict[str, object] = {
        "MASK": False, "CLIP": False, "GIVEN": 0, "GRID": "integer", "ZERO": 0, "LOW": -8,
        "HIGH": 7, "STEPS": 7.0, "SCALE": "f32", "ZERO_TYPE": "f32", "VALUES": 0,
        "BG": 1024 // block, "BL": block,
    }  # fmt: skip
    return usual | given


def _variant(name: str, columns: int, **given: object) -> Variant:
    return Variant(name, POINTERS | SIZES, constants(columns, **given), multiples=("K", "L"))


KERNEL = Kernel(
    fake_quantize,
    (
        _variant("row", 4096),
        _variant("group32_2of4_f16", 32, MASK=True, SCALE="f16"),
        _variant("group128_zero", 128, ZERO=1, STEPS=15.0),
        _variant("row_learned", 4096, GIVEN=2),
        _variant("row_ternary", 4096, GRID="ternary", LOW=-1, HIGH=1),
        _variant("row_threshold", 4096, GRID="threshold", LOW=-1, HIGH=1),
        _variant("group64_nf4", 64, GRID="table", STEPS=1.0, VALUES=16),
    ),
)
