"""Makes the format of activations: dynamic int8, integers in a static range, or bf16."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from qdsl.formats._check import check_activations
from qdsl.formats._reading import Options, Refused, Value, read
from qdsl.ir.family import Family, FormatError
from qdsl.ir.format import (
    ActivationFormat,
    Activations,
    FloatFormat,
    FloatGrid,
    FloatType,
    IntegerGrid,
    IntegerZero,
    LearnedClip,
    Levels,
    NoClip,
    PerTensor,
    PerToken,
    StaticFormat,
    Symmetric,
)

_WRITE = "write `int8(dynamic, per = token)`"
_FLOATS = f"{_WRITE}, or `bf16`"
_OPTIONS = frozenset({"per", "levels", "clip"})
_FLAGS = frozenset({"dynamic", "static", "symmetric", "asymmetric"})


def make_activation_format(
    family: Family, options: Mapping[str, Value], flags: Collection[str]
) -> Activations | FormatError:
    """The format of `int8(dynamic, per = token | tensor)`, of a static range, or of `bf16`."""
    try:
        if family.grid == FloatGrid(FloatType.BF16):
            read(replace(family, options=frozenset(), flags=frozenset()), options, flags)
            return FloatFormat()
        if not isinstance(family.grid, IntegerGrid):
            return FormatError(family.name, f"values are not rounded to `{family.name}`", _FLOATS)
        words = replace(family, options=_OPTIONS, flags=_FLAGS)
        given = read(words, options, flags)
        return _dynamic(family, given) if "dynamic" in flags else _static(family.grid, given)
    except Refused as refused:
        return refused.error


def _dynamic(family: Family, given: Options) -> ActivationFormat:
    if family.name != "int8":
        raise Refused("dynamic", f"dynamic activations of `{family.name}`", _WRITE)
    for name in ("asymmetric", "static", "levels", "clip"):
        if name in given.flags or name in given.values:
            raise Refused(name, f"dynamic activations take no option `{name}`", _WRITE)
    word = given.word("per", ("token", "tensor"), "token")
    return ActivationFormat(PerToken() if word == "token" else PerTensor())


def _static(grid: IntegerGrid, given: Options) -> StaticFormat:
    if given.values.get("per") == "token":
        message = "a static range is one for all tokens"
        raise Refused("per", message, "write `dynamic`, or `per = tensor`")
    given.word("per", ("tensor",), "tensor")
    if {"symmetric", "asymmetric"} <= set(given.flags):
        raise Refused("asymmetric", "both `symmetric` and `asymmetric`", "leave one of them out")
    clip: NoClip | LearnedClip = NoClip()
    if given.values.get("clip") is not None:
        given.word("clip", ("learned",), "learned")
        clip = LearnedClip()
    if "asymmetric" in given.flags:
        format = StaticFormat(replace(grid, levels=Levels.FULL), IntegerZero(), clip)
    else:
        levels = given.enum("levels", Levels, grid.levels)
        format = StaticFormat(replace(grid, levels=levels), Symmetric(), clip)
    if wrong := check_activations(format):
        raise Refused(wrong.option, wrong.message, wrong.help)
    return format
