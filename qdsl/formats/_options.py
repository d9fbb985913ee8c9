"""Says in words what may stand in the brackets of a format: for lists, pages and hovers."""

from qdsl.ir.family import Family
from qdsl.ir.format import IntegerGrid, Levels
from qdsl.record import record


@record
class OptionText:
    """An option or flag: its values, what it is without a word, what it means."""

    name: str
    values: str
    default: str
    doc: str


OPTIONS = (
    OptionText("per", "tensor, channel", "channel", "Weights that share a scale: an output each."),
    OptionText("group", "a count", "", "Consecutive weights of a row share a scale; no `per`."),
    OptionText("tail", "short, exact", "exact", "`short`: the last group may be shorter."),
    OptionText("scale", "f32, f16, bf16", "f32", "How scales are stored."),
    OptionText("symmetric", "a flag", "set", "The grid is symmetric: no zero point."),
    OptionText("asymmetric", "a flag", "", "A zero point for each scale."),
    OptionText("zero", "int, f32, f16, bf16", "int", "How zero points are stored (asymmetric)."),
    OptionText(
        "clip",
        "none, 0.3 to 1.0, search, learned",
        "none",
        "Cuts the range: by a factor, to the least squared error, or as training learns.",
    ),
    OptionText("clip_norm", "1, 2, 4", "2", "The p of Σ|error|^p that `clip = search` minimizes."),
    OptionText(
        "clip_per",
        "tensor, channel, group",
        "",
        "What shares a searched factor, where that is more than the weights of a scale.",
    ),
    OptionText("levels", "full, narrow, half", "", "Which codes are used; asymmetric: all."),
    OptionText("rule", "absmean, threshold", "absmean", "How ternary codes are chosen."),
    OptionText("ste", "scaled, identity", "scaled", "Gradient of a binary weight."),
    OptionText("center", "a flag", "", "Subtracts the mean before the sign is taken."),
    OptionText("pack", "2bit, base3", "2bit", "How ternary codes are stored."),
    OptionText(
        "index",
        "position, combination",
        "position",
        "How `sparse N:M` stores which are kept: each one's place, or a number for each group.",
    ),
    OptionText("dynamic", "a flag", "", "Of activations: the range is that of the data at hand."),
    OptionText("static", "a flag", "", "Of activations: calibration fixes the range."),
)


def option_texts(family: Family) -> tuple[OptionText, ...]:
    """What the family takes, in the order in which people write it."""
    taken = family.options | family.flags
    found = {o.name: _of(family, o) for o in OPTIONS if o.name in taken}
    unsaid = sorted(taken - found.keys())
    return (*found.values(), *(OptionText(name, "", "", "") for name in unsaid))


def _of(family: Family, option: OptionText) -> OptionText:
    grid = family.grid
    if option.name == "levels" and isinstance(grid, IntegerGrid):
        return OptionText(option.name, ", ".join(Levels), grid.levels, option.doc)
    return option
