"""Lists number formats and sparsity patterns, with their options and defaults."""

from functools import cache

import qdsl.formats
import qdsl.sparsity
from qdsl.cli.entry import Catalog, Entry, markdown_table, page
from qdsl.formats._options import OptionText, option_texts
from qdsl.ir.family import Family, SparsityFamily
from qdsl.ir.format import FloatGrid, FloatType, IntegerGrid, WeightFormat, code_bits
from qdsl.ir.model import Parameter, Role, Storage
from qdsl.registry import collect
from qdsl.size.choices import format_bytes

_ANY = (
    "One of several formats: `weights = any(int4(group = 64), int8)`. `qdsl fit` chooses for each "
    "weight, so that the budget holds."
)
_SYNTAX = (
    "A format is a word, with [options](options.md) in brackets: `int4(group = 64, asymmetric)`. "
    "`format w4 = int4(group = 64)` gives it a name, a parameter of type `format` takes one. "
    "`sparse 2:4` behind it prunes."
)
_VALUES = (
    "Of weights (`weights = int4`) every format may be used. Values are rounded (`activations`, "
    "`state`, `output`, `matmul`, `softmax`) in three ways. `int8(dynamic, per = token)` takes the "
    "range from the data as the layer is called, `per = tensor` one range for all of it; nothing "
    "is stored. `int8(static)`, of any `int` or `uint`, rounds in a range that calibration fixes: "
    "4 bytes are stored of its scale, 1 more of its zero point where it is `asymmetric`, once for "
    "each layer; a product has a range for each operand. `static` may be left out. "
    "`clip = learned` trains the scale of a symmetric range: of `int` as LSQ does, of `uint` as "
    "PACT does, which is for values that are never negative, behind a `relu` or a softmax. "
    "`bf16` rounds to the nearest bf16, ties to even: nothing is stored, products are taken with "
    "the exact numbers of the weight and summed in f32."
)
_BYTES = (
    "The size is a function of the spec alone. A weight is a matrix [outputs, K]; each row of "
    "codes, of zero points and of positions (`sparse`) starts on a byte. There is a scale for each "
    "output, or, with `group = g`, ceil(K / g) of them; `clip` costs nothing, the values of "
    "`kmeans` 4 bytes each. "
    "[artifact.md](../artifact.md) has every byte."
)


@cache
def _families() -> dict[str, Family]:
    return dict(sorted(collect(qdsl.formats, Family).items(), key=_order))


@cache
def _words() -> dict[str, Entry]:
    """What stands round formats or behind them."""
    patterns = collect(qdsl.sparsity, SparsityFamily)
    texts = [f"{p.doc} {_source(p.source)}" for p in patterns.values()]
    sparse = page("# sparse", "A sparsity pattern.", *texts)
    doc = " ".join(p.doc for p in patterns.values())
    return {
        "sparse": Entry(("sparse", "N:M or a share behind a format", doc), sparse),
        "any": Entry(("any", "formats", _ANY), page("# any", "A set of formats.", _ANY)),
    }


def _names() -> tuple[str, ...]:
    return (*_families(), *_words())


def _order(item: tuple[str, Family]) -> tuple[str, int]:
    """Kinds together, the widest first."""
    name = item[0]
    digits = "".join(c for c in name if c.isdigit())
    return name.rstrip("0123456789"), -int(digits or 0)


def _entry(name: str) -> Entry:
    if word := _words().get(name):
        return word
    family = _families()[name]
    options = option_texts(family)
    return Entry((name, ", ".join(map(_short, options)), family.doc), _page(family, options))


def _short(option: OptionText) -> str:
    if option.values == "a flag":
        return option.name
    return f"{option.name} = {option.default or '…'}"


def _page(family: Family, options: tuple[OptionText, ...]) -> str:
    rows = ((f"`{o.name}`", o.values, o.default, o.doc) for o in options)
    table = markdown_table(("option", "values", "default", "meaning"), rows) if options else ""
    return page(
        f"# {family.name}",
        "A number format.",
        family.doc,
        table,
        _of_values(family),
        _source(family.source),
    )


def _of_values(family: Family) -> str:
    """How activations and other values are rounded to it."""
    if family.grid == FloatGrid(FloatType.BF16):
        return "Activations and other values: `bf16`, rounded to nearest, ties to even."
    if not isinstance(family.grid, IntegerGrid):
        return ""
    dynamic = "`int8(dynamic, per = token)` or " if family.name == "int8" else ""
    return f"Activations and other values: {dynamic}`{family.name}(static)`."


def _intro() -> str:
    return page(
        _SYNTAX,
        _VALUES,
        "## Bytes",
        _BYTES,
        "## Formats",
        markdown_table(
            ("format", "bits", "256 × 256", "source"), map(_facts, _families().values())
        ),
    )


def _facts(family: Family) -> tuple[str, str, str, str]:
    """Its word, bits of a code, bytes of a matrix of 256 rows and columns, source."""
    grid = family.grid
    bits = 8 * grid.type.bytes if isinstance(grid, FloatGrid) else code_bits(grid)
    parameter = Parameter("weight", (256, 256), Role.WEIGHT)
    format = WeightFormat(family.name, grid)
    size = format_bytes(Storage("weight", "Linear", parameter), format)
    return f"`{family.name}`", f"{bits}", f"{size:,} B", family.source


def _source(text: str) -> str:
    return f"Source: {text}." if text else ""


FORMATS = Catalog(
    "number formats", ("name", "options", "doc"), _names, _entry, intro=_intro, sections=False
)
