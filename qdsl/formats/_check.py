"""Says whether a format is whole in itself, and whether it fits a weight."""

from typing import assert_never

from qdsl.ir.family import FormatError
from qdsl.ir.format import (
    NORMAL_FLOATS,
    ActivationFormat,
    Activations,
    BinaryGrid,
    ClipPer,
    CodebookGrid,
    FixedClip,
    FloatFormat,
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
)
from qdsl.ir.pattern import (
    LARGEST_M,
    LARGEST_RANK_BITS,
    NM,
    WHOLE,
    Dense,
    Index,
    Unstructured,
    combinations,
)

_LARGEST_GROUP = 1 << 24


def check_format(format: WeightFormat) -> FormatError | None:
    """The first thing about the format that cannot be, whatever the weight."""
    return (
        _grid_error(format.grid, format.name)
        or _grouping_error(format)
        or _zero_error(format)
        or _clip_error(format)
        or _pattern_error(format)
    )


def check_shape(format: WeightFormat, outputs: int, k: int) -> FormatError | None:
    """Why a weight [outputs, k] cannot be stored so: a group or N:M that does not divide `k`."""
    if isinstance(format.pattern, NM) and k % format.pattern.group:
        pattern = format.pattern
        return FormatError(
            "sparse",
            f"`sparse {pattern}` does not divide the {k} weights of a row",
            f"the reduction axis must be a multiple of {pattern.group}",
        )
    grouping = format.grouping
    if isinstance(grouping, PerGroup) and not grouping.short_tail and k % grouping.size:
        return FormatError(
            "group",
            f"`group = {grouping.size}` does not divide the {k} weights of a row",
            f"{_nearest_groups(format, grouping.size, k)}add `tail = short`",
        )
    return None


def check_activations(format: Activations) -> FormatError | None:
    """What about a format of activations cannot be."""
    match format:
        case ActivationFormat():
            return None
        case FloatFormat(type):
            if type is FloatType.BF16:
                return None
            return FormatError(type, f"values are not rounded to `{type}`", "write `bf16`")
        case StaticFormat(grid, zero, clip):
            if isinstance(zero, IntegerZero) and isinstance(clip, LearnedClip):
                message = "a learned clip of an asymmetric range"
                return FormatError("clip", message, "leave `asymmetric` out, or `clip`")
            if grid.levels is Levels.HALF:
                return FormatError("levels", "`levels = half` has no exact 0", "`full` or `narrow`")
            if isinstance(zero, IntegerZero) and grid.levels is not Levels.FULL:
                return FormatError("levels", "an asymmetric range uses all its codes")
            return _grid_error(grid, format.family)
        case _:
            assert_never(format)


def format_warning(format: WeightFormat) -> FormatError | None:
    """What is allowed and most likely not meant."""
    match format.grid:
        case IntegerGrid(bits=2, levels=Levels.NARROW):
            return FormatError(
                "levels",
                "`int2` with narrow levels has only the codes -1, 0 and 1",
                "write `ternary`, or `levels = half` for four levels",
            )
        case _:
            return None


def _grid_error(grid: Grid, name: str) -> FormatError | None:
    match grid:
        case IntegerGrid(bits) if not 2 <= bits <= 8:
            return FormatError(name, f"integers of {bits} bits", "2 to 8 bits")
        case TernaryGrid(pack=pack) if pack not in ("2bit", "base3"):
            return FormatError("pack", f"`pack` is `{pack[:40]}`", "one of `2bit`, `base3`")
        case TernaryGrid(rule) if rule not in ("absmean", "threshold"):
            return FormatError("rule", f"`rule` is `{rule}`", "one of `absmean`, `threshold`")
        case BinaryGrid(ste=ste) if ste not in ("scaled", "identity"):
            return FormatError("ste", f"`ste` is `{ste}`", "one of `scaled`, `identity`")
        case CodebookGrid(bits, ()) if not 2 <= bits <= 4:
            return FormatError(name, f"a codebook of {bits} bits", "2 to 4 bits")
        case CodebookGrid(bits, values) if values and (bits, values) != (4, NORMAL_FLOATS):
            return FormatError(name, "a codebook of other values", "`nf4`, or `kmeans4`")
        case FloatGrid() | IntegerGrid() | TernaryGrid() | BinaryGrid() | CodebookGrid():
            return None
        case _:
            assert_never(grid)


def _grouping_error(format: WeightFormat) -> FormatError | None:
    match format.grouping:
        case PerToken():
            return FormatError("per", "`per = token` is for activations")
        case PerGroup(size) if not 1 <= size <= _LARGEST_GROUP:
            return FormatError("group", f"`group` is {size}", f"from 1 to {_LARGEST_GROUP}")
        case PerGroup() if format.is_float:
            return FormatError("group", f"`{format.name}` has no scale to group")
        case _:
            return None


def _zero_error(format: WeightFormat) -> FormatError | None:
    if isinstance(format.zero, Symmetric):
        if isinstance(format.grid, IntegerGrid) and not format.grid.signed:
            message = f"`{format.name}` has no codes for negative weights"
            return FormatError("asymmetric", message, "add `asymmetric`")
        return None
    if not isinstance(format.grid, IntegerGrid):
        return FormatError("asymmetric", f"`{format.name}` is symmetric by nature")
    if format.grid.levels is not Levels.FULL:
        return FormatError(
            "levels",
            f"`levels = {format.grid.levels}` in an asymmetric format",
            "an asymmetric format uses all its codes: leave `levels` out",
        )
    return None


def _clip_error(format: WeightFormat) -> FormatError | None:
    match format.clip:
        case FixedClip(coefficient) if not 0.3 <= coefficient <= 1.0:
            return FormatError("clip", f"`clip` is {coefficient}", "from 0.3 to 1.0")
        case LearnedClip() if not isinstance(format.zero, Symmetric):
            return FormatError(
                "clip", "`clip = learned` in an asymmetric format", "write `clip = search`"
            )
        case NoClip():
            return None
        case _ if not isinstance(format.grid, IntegerGrid):
            return FormatError("clip", f"`{format.name}` has no range to clip")
        case SearchedClip(norm, per):
            return _search_error(norm, per, format.grouping)
        case _:
            return None


def _search_error(norm: int, per: ClipPer, grouping: Grouping) -> FormatError | None:
    if norm not in (1, 2, 4):
        return FormatError("clip_norm", f"`clip_norm` is {norm}", "one of `1`, `2`, `4`")
    finest = {PerTensor: ClipPer.TENSOR, PerChannel: ClipPer.CHANNEL}.get(type(grouping))
    # one a scale is said in one way only
    if per is finest or (per is ClipPer.CHANNEL and finest is ClipPer.TENSOR):
        return FormatError("clip_per", f"`clip_per = {per}` is no coarser than the scale")
    return None


def _pattern_error(format: WeightFormat) -> FormatError | None:
    pattern = format.pattern
    if isinstance(pattern, Dense):
        return None
    if wrong := _measure_error(pattern) or _no_zero_error(format):
        return wrong
    return _group_pattern_error(format.grouping, pattern) if isinstance(pattern, NM) else None


def _measure_error(pattern: NM | Unstructured) -> FormatError | None:
    match pattern:
        case Unstructured(millionths) if not 0 < millionths < WHOLE:
            return FormatError("sparse", f"`sparse {pattern}`", "more than 0% and less than 100%")
        case NM(kept, group) if not 1 <= kept < group <= LARGEST_M:
            help = f"N:M with 1 <= N < M <= {LARGEST_M}"
            return FormatError("sparse", f"`sparse {pattern}`", help)
        case NM(kept, group, Index.COMBINATION) if (
            combinations(group, kept) > 1 << LARGEST_RANK_BITS
        ):
            message = f"`sparse {pattern}` has more than 2^{LARGEST_RANK_BITS} combinations"
            return FormatError("index", message, "write `index = position`, or a smaller group")
        case _:
            return None


def _no_zero_error(format: WeightFormat) -> FormatError | None:
    """A pruned weight is exactly 0, which these formats have not."""
    pattern = format.pattern
    what = "N:M sparsity" if isinstance(pattern, NM) else f"`sparse {pattern}`"
    if isinstance(format.zero, FloatZero):
        return FormatError("zero", f"a float zero point with {what}", "write `zero = int`")
    if isinstance(format.grid, IntegerGrid) and format.grid.levels is Levels.HALF:
        return FormatError("levels", f"`levels = half` with {what}", "write `levels = full`")
    # N:M stores the kept codes alone, a share stores a code for each weight
    if isinstance(pattern, Unstructured) and _has_no_code_of_zero(format.grid):
        message = f"`{format.name}` has no code of 0 for `sparse {pattern}`"
        return FormatError("sparse", message, "write `ternary`, or `sparse 2:4`")
    return None


def _has_no_code_of_zero(grid: Grid) -> bool:
    return isinstance(grid, BinaryGrid) or (isinstance(grid, CodebookGrid) and not grid.values)


def _group_pattern_error(grouping: Grouping, pattern: NM) -> FormatError | None:
    if isinstance(grouping, PerGroup) and grouping.size % pattern.group:
        return FormatError(
            "group",
            f"`group = {grouping.size}` is not a multiple of the {pattern.group} of `{pattern}`",
            f"write a multiple of {pattern.group}",
        )
    return None


def _nearest_groups(format: WeightFormat, size: int, k: int) -> str:
    """`write `group = 40` or `group = 80`, or `: the divisors of k on both sides of the size."""
    step = format.pattern.group if isinstance(format.pattern, NM) else 1
    fitting = [d for d in range(step, min(k, 1 << 16) + 1, step) if k % d == 0]
    below = [d for d in fitting if d < size][-1:]
    above = [d for d in fitting if d > size][:1]
    texts = [f"`group = {d}`" for d in below + above if d > 1]
    return f"write {' or '.join(texts)}, or " if texts else ""
