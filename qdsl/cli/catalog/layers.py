"""Lists layer kinds: their arguments, their functions, the properties of policies they take."""

import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from functools import cache
from inspect import cleandoc

from qdsl.cli.entry import Catalog, Entry, first_sentence, markdown_table, page
from qdsl.cli.symbol import symbolic_parameters
from qdsl.ir.layer import Layer
from qdsl.ir.model import Role
from qdsl.sema.language import layer_functions, layer_kinds
from qdsl.sema.policy import LAYER_PROPERTIES, STORAGE_PROPERTIES


@cache
def _kinds() -> dict[str, type[Layer]]:
    return {kind.name: kind.layer for kind in layer_kinds()}


def _entry(name: str) -> Entry:
    kind = _kinds()[name]
    call = f"{name}({', '.join(map(_field, fields(kind)))})"
    doc = cleandoc(kind.__doc__ or "")
    weights = tuple(_weights(kind))
    headings = ("weight", "shape", "property", "starts as")
    text = page(
        f"# {name}",
        "A layer kind." + (" It vanishes from the packed graph." if kind.training_only else ""),
        f"`{call}`",
        doc,
        "## Weights" if weights else "",
        markdown_table(headings, weights) if weights else "",
        "## Functions",
        "\n".join(_functions(kind)),
        _properties(name),
    )
    return Entry((name, call, first_sentence(doc)), text)


def _field(field: "Field[object]") -> str:
    """`bias: bool = true`."""
    kind = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", "")
    text = f"{field.name}: {kind or field.type}"
    return text if field.default is MISSING else f"{text} = {_value(field.default)}"


def _value(value: object) -> str:
    match value:
        case bool() | None:
            return str(value).lower()
        case str():
            return f'"{value}"'
        case _:
            return f"{value}"


def _functions(kind: type[Layer]) -> Iterator[str]:
    for name, inputs in layer_functions(kind).items():
        doc = first_sentence(kind.functions()[name].__doc__ or "")
        yield f"- `{name}({', '.join(inputs)})`" + (f": {doc}" if doc else "")


def _weights(kind: type[Layer]) -> Iterator[tuple[str, str, str, str]]:
    """Name, shape, the property of policies that governs it, initial values."""
    for parameter in symbolic_parameters(kind):
        shape = ", ".join(map(str, parameter.shape))
        start = re.sub(r"^uniform\((.*)\)$", r"uniform in ±1/sqrt(\1)", parameter.init)
        yield f"`{parameter.name}`", f"[{shape}]", _property(parameter.role), start


def _property(role: Role) -> str:
    if role is Role.STATISTIC:
        return "none: running statistics"
    return next(f"`{p}`" for p, roles in STORAGE_PROPERTIES.items() if role in roles)


def _properties(name: str) -> str:
    own = [f"`{p}`" for p, kinds in LAYER_PROPERTIES.items() if name in kinds]
    return f"Other properties of policies: {', '.join((*own, '`output`', '`trainable`'))}."


def _intro() -> str:
    return page(
        "A layer is made in a block, `up = Linear(d -> 4 * d)`, and called, `up(x)`. `a -> b` in a "
        "call stands for the next two arguments. Tensors are channels-last; `..` are any axes.",
        "Weights are named behind the path of the layer: `encoder.up.weight`. A policy governs "
        "each by the property beside it.",
    )


LAYERS = Catalog("layer kinds", ("name", "signature", "doc"), _kinds, _entry, intro=_intro)
