"""Makes the format of a weight from the options of a spec."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import assert_never

from qdsl.formats._check import check_format
from qdsl.formats._reading import Options, Refused, Value, read, shown
from qdsl.ir.family import Family, FormatError
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
    Symmetric,
    TernaryGrid,
    WeightFormat,
    Zero,
)
from qdsl.ir.pattern import NM, Dense, Index, Pattern

_DENSE = Dense()


def make_weight_format(
    family: Family,
    options: Mapping[str, Value],
    flags: Collection[str],
    pattern: Pattern = _DENSE,
) -> WeightFormat | FormatError:
    """The format of `int4(group = 64, asymmetric) sparse 2:4`: `asymmetric` is a flag."""
    try:
        given = read(family, options, flags)
        format = _make(family, given, pattern)
    except Refused as refused:
        return refused.error
    return check_format(format) or format


def _make(family: Family, given: Options, pattern: Pattern) -> WeightFormat:
    for word in ("dynamic", "static"):
        if word in given.flags:
            raise Refused(word, f"`{word}` is for activations, a weight has its range")
    zero, grouping = _zero(given), _grouping(given)
    return WeightFormat(
        name=family.name,
        grid=_grid(family.grid, zero, given),
        grouping=grouping,
        scale=given.enum("scale", FloatType, FloatType.F32),
        zero=zero,
        clip=_clip(given, grouping),
        pattern=_pattern(pattern, given),
    )


def _grouping(given: Options) -> Grouping:
    if "group" in given.values:
        if "per" in given.values:
            raise Refused("per", "`group` and `per` exclude each other", "leave one of them out")
        size = given.count("group")
        return PerGroup(size, given.word("tail", ("short", "exact"), "exact") == "short")
    if "tail" in given.values:
        raise Refused("tail", "`tail` without `group`", "add `group = …`")
    if given.values.get("per") == "token":
        raise Refused("per", "`per = token` is for activations", "one of `tensor`, `channel`")
    word = given.word("per", ("tensor", "channel"), "channel")
    return PerTensor() if word == "tensor" else PerChannel()


def _zero(given: Options) -> Zero:
    if "asymmetric" not in given.flags:
        if "zero" in given.values:
            raise Refused("zero", "`zero` in a symmetric format", "add `asymmetric`")
        return Symmetric()
    if "symmetric" in given.flags:
        raise Refused("asymmetric", "both `symmetric` and `asymmetric`", "leave one of them out")
    word = given.word("zero", ("int", *FloatType), "int")
    return IntegerZero() if word == "int" else FloatZero(FloatType(word))


def _pattern(pattern: Pattern, given: Options) -> Pattern:
    if "index" not in given.values:
        return pattern
    if not isinstance(pattern, NM):
        raise Refused("index", "`index` without `sparse N:M`", "add `sparse 2:4`, or leave it out")
    return NM(pattern.kept, pattern.group, given.enum("index", Index, Index.POSITION))


def _clip(given: Options, grouping: Grouping) -> Clip:
    value = given.values.get("clip", "none")
    if value == "search":
        return _search(given, grouping)
    for option in ("clip_norm", "clip_per"):
        if option in given.values:
            raise Refused(option, f"`{option}` without `clip = search`", "add `clip = search`")
    match value:
        case "none" | None:
            return NoClip()
        case "learned":
            return LearnedClip()
        case int() | float() if not isinstance(value, bool):
            return FixedClip(float(value))
        case _:
            known = "`none`, `search`, `learned` or a number from 0.3 to 1.0"
            written = f"`{value}`" if isinstance(value, str) else "no such value"
            raise Refused("clip", f"`clip` is {written}", known)


def _search(given: Options, grouping: Grouping) -> SearchedClip:
    """One coefficient a scale, unless `clip_per` says a larger part of the weight."""
    norm = given.values.get("clip_norm", 2)
    if isinstance(norm, bool) or norm not in (1, 2, 4):
        raise Refused("clip_norm", f"`clip_norm` is {shown(norm)}", "one of `1`, `2`, `4`")
    own = _scale_word(grouping)
    word = given.word("clip_per", ("tensor", "channel", "group"), own)
    if word == own:
        return SearchedClip(int(norm))
    if word == "group" or own == "tensor":
        message = f"`clip_per = {word}` where a scale is per {own}"
        raise Refused("clip_per", message, f"`{own}` or coarser: leave it out for one a scale")
    return SearchedClip(int(norm), ClipPer(word))


def _scale_word(grouping: Grouping) -> str:
    """What a scale is for, as `clip_per` says it."""
    match grouping:
        case PerTensor():
            return "tensor"
        case PerGroup():
            return "group"
        case PerChannel() | PerToken():
            return "channel"
        case _:
            assert_never(grouping)


def _grid(grid: Grid, zero: Zero, given: Options) -> Grid:
    match grid:
        case FloatGrid() | CodebookGrid():
            return grid
        case IntegerGrid():
            default = grid.levels if isinstance(zero, Symmetric) else Levels.FULL
            return replace(grid, levels=given.enum("levels", Levels, default))
        case TernaryGrid():
            rule = given.word("rule", ("absmean", "threshold"), grid.rule)
            return TernaryGrid(rule, given.word("pack", ("2bit", "base3"), grid.pack))
        case BinaryGrid():
            ste = given.word("ste", ("scaled", "identity"), grid.ste)
            return BinaryGrid(center="center" in given.flags, ste=ste)
        case _:
            assert_never(grid)
