"""Lists the properties that a rule of a policy gives."""

from qdsl.cli.entry import Catalog, Entry, page
from qdsl.sema.policy import LAYER_PROPERTIES, PROPERTIES

_TEXTS = {
    "weights": (
        "a format",
        "f32",
        "Matrices, kernels, tables and `parameter` members. A policy must claim every one; "
        "`default { weights = f32 }` claims what no other rule does.",
    ),
    "bias": ("f32, f16, bf16", "f32", "Biases of layers."),
    "norm": ("f32, f16, bf16", "f32", "Gains and offsets of norms."),
    "trainable": ("true, false", "true", "Whether training changes the weight."),
    "activations": ("f32 or int8(…)", "f32", "Inputs of a layer, rounded as it is called."),
    "output": ("f32 or int8(…)", "f32", "What a layer or a named value gives."),
    "matmul": ("f32 or int8(…)", "f32", "Both operands of a product of tensors that has a name."),
    "softmax": ("f32 or uint8(…)", "f32", "What a softmax that has a name gives."),
    "state": ("f32 or int8(…)", "f32", "The recurrent input of a recurrent layer."),
}


def _entry(name: str) -> Entry:
    values, default, doc = _TEXTS.get(name, ("", "", ""))
    kinds = LAYER_PROPERTIES.get(name, frozenset())
    text = page(
        f"# {name}",
        "A property of policies.",
        doc,
        f"Values: {values}; {default} where no rule gives one." if values else "",
        f"Layers that have it: {', '.join(f'`{k}`' for k in sorted(kinds))}." if kinds else "",
        "Per property the last rule that matches wins: `qdsl why FILE#variant PATH` shows them.",
    )
    return Entry((name, values, default, doc), text)


PROPERTY_WORDS = Catalog(
    "properties of policies", ("name", "values", "default", "doc"), lambda: PROPERTIES, _entry
)
