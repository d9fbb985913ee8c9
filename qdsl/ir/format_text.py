"""Writes a format as the words of a spec, defaults left out."""

from typing import assert_never

from qdsl.ir.format import (
    BinaryGrid,
    Clip,
    ClipPer,
    CodebookGrid,
    FixedClip,
    FloatGrid,
    FloatType,
    FloatZero,
    Grid,
    Grouping,
    IntegerGrid,
    IntegerZero,
    LearnedClip,
    Levels,
    NoClip,
    PerChannel,
    PerGroup,
    PerTensor,
    PerToken,
    SearchedClip,
    StaticFormat,
    Symmetric,
    TernaryGrid,
    WeightFormat,
    Zero,
)
from qdsl.ir.pattern import NM, Dense, Index, Pattern


def weight_format_text(format: WeightFormat) -> str:
    """`int4(group = 64, clip = search) sparse 2:4`: what a spec would say."""
    options = [
        *_grouping(format.grouping),
        *_zero(format.zero),
        *([f"scale = {format.scale}"] if format.scale is not FloatType.F32 else []),
        *_clip(format.clip),
        *_grid(format.grid, format.zero),
        *_index(format.pattern),
    ]
    text = format.name + (f"({', '.join(options)})" if options else "")
    return text if isinstance(format.pattern, Dense) else f"{text} sparse {format.pattern}"


def _index(pattern: Pattern) -> list[str]:
    if isinstance(pattern, NM) and pattern.index is not Index.POSITION:
        return [f"index = {pattern.index}"]
    return []


def _grouping(grouping: Grouping) -> list[str]:
    match grouping:
        case PerChannel():
            return []
        case PerTensor():
            return ["per = tensor"]
        case PerToken():
            return ["per = token"]
        case PerGroup(size, short_tail):
            return [f"group = {size}", *(["tail = short"] if short_tail else [])]
        case _:
            assert_never(grouping)


def _zero(zero: Zero) -> list[str]:
    match zero:
        case Symmetric():
            return []
        case IntegerZero():
            return ["asymmetric"]
        case FloatZero(type):
            return ["asymmetric", f"zero = {type}"]
        case _:
            assert_never(zero)


def _clip(clip: Clip) -> list[str]:
    match clip:
        case NoClip():
            return []
        case FixedClip(coefficient):
            return [f"clip = {coefficient}"]
        case SearchedClip(norm, per):
            norms = [f"clip_norm = {norm}"] if norm != 2 else []
            shared = [f"clip_per = {per}"] if per is not ClipPer.SCALE else []
            return ["clip = search", *norms, *shared]
        case LearnedClip():
            return ["clip = learned"]
        case _:
            assert_never(clip)


def static_format_text(format: StaticFormat) -> str:
    """`int8(static, asymmetric)`."""
    options = ["asymmetric"] if isinstance(format.zero, IntegerZero) else []
    options += [*_grid(format.grid, format.zero), *_clip(format.clip)]
    return f"{format.family}({', '.join(['static', *options])})"


def _grid(grid: Grid, zero: Zero) -> list[str]:
    match grid:
        case FloatGrid() | CodebookGrid():
            return []
        case IntegerGrid(bits, signed, levels):
            narrow = bits == 8 and signed and isinstance(zero, Symmetric)
            default = Levels.NARROW if narrow else Levels.FULL
            return [] if levels is default else [f"levels = {levels}"]
        case TernaryGrid(rule, pack):
            rules = [] if rule == "absmean" else [f"rule = {rule}"]
            return [*rules, *([f"pack = {pack}"] if pack != "2bit" else [])]
        case BinaryGrid(center, ste):
            return [*(["center"] if center else []), *([f"ste = {ste}"] if ste != "scaled" else [])]
        case _:
            assert_never(grid)
