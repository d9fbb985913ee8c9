"""Lists the properties that a rule of a policy gives."""

from collections.abc import Iterable

from qdsl.cli.entry import Catalog, Entry, page
from qdsl.sema.policy import LAYER_PROPERTIES, MODEL_PROPERTIES, PROPERTIES, VALUE_PROPERTIES

_PATHS = (
    "`instance.function.name`, or `instance.name` for the name in all functions: after "
    "`scores = einsum(…)` in `forward` of a block at `attention`, `attention.scores`."
)
_VALUES = "f32, bf16, int8(dynamic), a format as int8(static)"
_TEXTS = {
    "weights": (
        "a format, any(…)",
        "",
        "Matrices, kernels, tables and `parameter` members. A policy must claim every one; "
        "`default { weights = f32 }` claims what no other rule does.",
    ),
    "bias": ("f32, f16, bf16", "f32", "Biases of layers."),
    "norm": ("f32, f16, bf16", "f32", "Gains and offsets of norms."),
    "trainable": ("true, false", "true", "Whether training changes weights, biases, norms."),
    "activations": (_VALUES, "f32", "Inputs of a layer, rounded as it is called."),
    "output": (_VALUES, "f32", "What a layer or a named value gives."),
    "matmul": (_VALUES, "f32", "Both operands of a product (`einsum`) that has a name."),
    "softmax": (_VALUES, "f32", "What a `softmax` that has a name gives."),
    "state": (_VALUES, "f32", "The recurrent input of a recurrent layer."),
    "arithmetic": (
        ", ".join(MODEL_PROPERTIES["arithmetic"]),
        "float",
        "What the packed model computes in; of the whole model, in `default` alone. `paper` rounds "
        "every value but sums to bytes; in `integer` no value that depends on the data is a float. "
        "docs/integer.md says how.",
    ),
    "functions": (
        ", ".join(MODEL_PROPERTIES["functions"]),
        "table",
        "How integer arithmetic computes exp, sigmoid and the like: by tables of 256 bytes, or by "
        "polynomials; in `default` alone.",
    ),
}


def _entry(name: str) -> Entry:
    values, default, doc = _TEXTS.get(name, ("", "", ""))
    kinds = LAYER_PROPERTIES.get(name, frozenset())
    text = page(
        f"# {name}",
        "A property of policies.",
        doc,
        f"Values: {values}" + (f"; {default} where no rule gives one." if default else "."),
        f"The path of a value: {_PATHS}" if name in VALUE_PROPERTIES else "",
        f"Layers that have it: {_listed(kinds)}." if kinds else "",
        "Per property the last rule that matches wins: `qdsl why FILE#variant PATH` shows them.",
    )
    return Entry((name, values, default, doc), text)


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in sorted(words))


def _intro() -> str:
    return (
        "A rule of a policy gives properties to what its selector matches: "
        "`encoder.blocks[*].**:Linear { weights = int4(group = 64); bias = f16 }`. It gives them "
        "to those matches that have them; where none has, that is an error. [Formats](formats.md) "
        "are the values of most."
    )


PROPERTY_WORDS = Catalog(
    "properties of policies",
    ("name", "values", "default", "doc"),
    lambda: PROPERTIES,
    _entry,
    intro=_intro,
)
