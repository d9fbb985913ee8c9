"""Makes the format of a weight from the options of a spec."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import assert_never

from qdsl.formats._check import check_format
from qdsl.formats._reading import Options, Refused, Value, read
from qdsl.ir.family import Family, FormatError
from qdsl.ir.format import (
    BinaryGrid,
    Clip,
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
    SearchedClip,
    Symmetric,
    TernaryGrid,
    WeightFormat,
    Zero,
)
from qdsl.ir.pattern import Dense, Pattern

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
    zero = _zero(given)
    return WeightFormat(
        name=family.name,
        grid=_grid(family.grid, zero, given),
        grouping=_grouping(given),
        scale=given.enum("scale", FloatType, FloatType.F32),
        zero=zero,
        clip=_clip(given),
        pattern=pattern,
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


def _clip(given: Options) -> Clip:
    value = given.values.get("clip", "none")
    match value:
        case "none" | None:
            return NoClip()
        case "search":
            return SearchedClip()
        case "learned":
            return LearnedClip()
        case int() | float() if not isinstance(value, bool):
            return FixedClip(float(value))
        case _:
            known = "`none`, `search`, `learned` or a number from 0.3 to 1.0"
            written = f"`{value}`" if isinstance(value, str) else "no such value"
            raise Refused("clip", f"`clip` is {written}", known)


def _grid(grid: Grid, zero: Zero, given: Options) -> Grid:
    match grid:
        case FloatGrid():
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
