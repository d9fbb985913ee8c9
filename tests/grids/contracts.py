"""Says what the language refuses, from the contracts and the language's decisions alone.

Nothing here asks the checks of `qdsl.formats`: a rule is a sentence of the design.
"""

from collections.abc import Iterator

from tests.grids.kinds import Kind
from tests.grids.words import FAMILIES, Written

FLOATS = frozenset({"f32", "f16", "bf16"})
COARSENESS = ("group", "channel", "tensor")


def refusals(format: Written, activations: Written | None, kind: Kind) -> Iterator[str]:
    """Why a layer of that kind cannot have these formats; nothing where it can."""
    yield from of_options(format)
    yield from of_pattern(format)
    yield from of_rows(format, kind)
    yield from of_activations(activations, kind)


def of_options(format: Written) -> Iterator[str]:
    options, asymmetric = format.options, "asymmetric" in format.options
    if "group" in options and "per" in options:
        yield "`group` excludes `per`"
    if "tail" in options and "group" not in options:
        yield "a tail is that of a group"
    if "symmetric" in options and asymmetric:
        yield "both symmetric and asymmetric"
    if "zero" in options and not asymmetric:
        yield "a symmetric format has no zero point"
    if format.family.startswith("uint") and not asymmetric:
        yield "unsigned codes have no negative weights"
    if asymmetric and options.get("levels", "full") != "full":
        yield "levels are those of symmetric grids"
    yield from _of_clip(format)


def _of_clip(format: Written) -> Iterator[str]:
    options = format.options
    if options.get("clip") == "learned" and "asymmetric" in options:
        yield "a learned clip is the scale of a symmetric grid"
    if options.get("clip") != "search" and options.keys() & {"clip_norm", "clip_per"}:
        yield "norm and extent are those of a search"
    if options.get("clip") == "search" and "clip_per" in options:
        scale = "group" if "group" in options else options.get("per", "channel")
        if COARSENESS.index(options["clip_per"]) < COARSENESS.index(scale):
            yield "a scale has one clip"


def of_pattern(format: Written) -> Iterator[str]:
    """CONTRACTS 4: masks first, and a pruned weight is exactly 0."""
    options, pattern = format.options, format.pattern
    if "index" in options and ":" not in pattern:
        yield "an index is that of N:M"
    if not pattern:
        return
    if options.get("zero", "int") != "int":
        yield "float zero with sparsity"
    if options.get("levels") == "half":
        yield "half levels have no 0"
    if "%" in pattern and (format.family == "binary" or format.family.startswith("kmeans")):
        yield "stored dense, and no code of 0"
    if ":" in pattern and "group" in options and int(options["group"]) % _m(pattern):
        yield "groups are multiples of M"


def of_rows(format: Written, kind: Kind) -> Iterator[str]:
    for k in kind.rows:
        if ":" in format.pattern and k % _m(format.pattern):
            yield "M does not divide the row"
        group = format.options.get("group")
        if group and format.options.get("tail") != "short" and k % int(group):
            yield "the group does not divide the row"


def of_activations(activations: Written | None, kind: Kind) -> Iterator[str]:
    if activations is None:
        return
    if kind.is_table:
        yield "a table has no activations"
    if activations.family.startswith("uint") and "dynamic" in activations.options:
        yield "dynamic activations are symmetric"


def no_kernel(format: Written, activations: Written | None) -> bool:
    """CONTRACTS 21: integer products are of integer weights, which floats and codebooks are not.

    Inputs of weights that are floats are not rounded at all.
    """
    if activations is None:
        return False
    if activations.family in FLOATS:
        return format.family in FLOATS
    integer = FAMILIES[format.family].flags & {"dynamic", "static"}
    return not (integer or format.family in ("ternary", "binary"))


def _m(pattern: str) -> int:
    return int(pattern.rpartition(":")[2])
