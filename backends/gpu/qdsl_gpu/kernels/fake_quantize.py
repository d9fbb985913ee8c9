"""Rounds weights to what their codes stand for: scales are found and applied in one pass."""

import triton
import triton.language as tl

from qdsl_gpu.groups import place, read
from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.rounding import restored
from qdsl_gpu.scales import find
from qdsl_gpu.tensors import find_of_tensor, part


@triton.jit
def fake_quantize(
    w, mask, clips, scales, zeros, values, parts, y, groups, G, K, L, coefficient,
    MASK: tl.constexpr, CLIP: tl.constexpr, GIVEN: tl.constexpr, GRID: tl.constexpr,
    ZERO: tl.constexpr, LOW: tl.constexpr, HIGH: tl.constexpr, STEPS: tl.constexpr,
    SCALE: tl.constexpr, ZERO_TYPE: tl.constexpr, VALUES: tl.constexpr, SIZE: tl.constexpr,
    BG: tl.constexpr, BL: tl.constexpr,
):  # fmt: skip
    """w f32 [N, K] → y floats alike, in `groups` of L columns, G a row; see `qdsl_gpu.scales`.

    mask u8 [N, K] and values f32 [VALUES]; clips, scales and zeros f32 [N, G]. With a SIZE there is
    one scale: w has K weights, a program L of them, and parts are as in `qdsl_gpu.tensors`.
    """
    if SIZE:
        begin, columns = part(K, L)
        s, z, _, _, _, _, middle, _ = find_of_tensor(
            parts, clips, scales, zeros, coefficient,
            CLIP, GIVEN, GRID, ZERO, LOW, HIGH, STEPS, SCALE, ZERO_TYPE, SIZE,
        )  # fmt: skip
    else:
        i, begin, columns = place(groups, G, K, L, BG)
        s, z, _, _, _, _, middle, _ = find(
            w, mask, clips, scales, zeros, i, begin, columns, L, coefficient, i < groups,
            MASK, CLIP, GIVEN, GRID, ZERO, LOW, HIGH, STEPS, SCALE, ZERO_TYPE, BG, BL,
        )  # fmt: skip
    for start in range(0, L, BL):
        k = start + tl.arange(0, BL)
        x, kept = read(w, mask, begin, columns, k, MASK)
        found = restored(x, s, z, middle, values, GRID, ZERO, LOW, HIGH, VALUES, SCALE)
        found = tl.where(kept, found, 0.0)
        at, inside = begin[:, None] + k[None, :], k[None, :] < columns[:, None]
        tl.store(y + at, found.to(y.dtype.element_ty), mask=inside)


POINTERS = {
    "w": "*fp32", "mask": "*u8", "clips": "*fp32", "scales": "*fp32", "zeros": "*fp32",
    "values": "*fp32", "parts": "*fp64", "y": "*fp32",
}  # fmt: skip
SIZES = {"groups": "i32", "G": "i32", "K": "i32", "L": "i32", "coefficient": "fp32"}


def constants(columns: int, **given: object) -> dict[str, object]:
    """Those of int4 in groups of so many columns, but for what is given."""
    block = min(columns, 1024)
    usual: dict[str, object] = {
        "MASK": False, "CLIP": False, "GIVEN": 0, "GRID": "integer", "ZERO": 0, "LOW": -8,
        "HIGH": 7, "STEPS": 7.0, "SCALE": "f32", "ZERO_TYPE": "f32", "VALUES": 0, "SIZE": 0,
        "BG": 1024 // block, "BL": block,
    }  # fmt: skip
    return usual | given


def row(**given: object) -> dict[str, object]:
    """Constants of whole rows, of which each has one group: Triton makes a constant of that."""
    return constants(4096, G=1, **given)


def tensor(**given: object) -> dict[str, object]:
    """Constants of a tensor with one scale."""
    return constants(1024, groups=1, G=1, SIZE=512, **given)


def _variant(name: str, given: dict[str, object], y: str = "*fp32") -> Variant:
    return Variant(name, {**POINTERS, **SIZES, "y": y}, given, multiples=("K", "L"))


KERNEL = Kernel(
    fake_quantize,
    (
        _variant("row", row()),
        _variant("row_bf16", row(), "*bf16"),
        _variant("group32_2of4_f16", constants(32, MASK=True, SCALE="f16")),
        _variant("group128_zero", constants(128, ZERO=1, STEPS=15.0)),
        _variant("row_learned", row(GIVEN=2)),
        _variant("row_ternary", row(GRID="ternary", LOW=-1, HIGH=1)),
        _variant("row_threshold", row(GRID="threshold", LOW=-1, HIGH=1)),
        _variant("group64_nf4", constants(64, GRID="table", STEPS=1.0, VALUES=16)),
        _variant("row_masked", row(GRID="float", MASK=True)),
        _variant("tensor", tensor()),
        _variant("tensor_ternary", tensor(GRID="ternary", LOW=-1, HIGH=1)),
    ),
)
