"""Lists layer kinds: their arguments, their functions, the properties of policies they take."""

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from functools import cache
from inspect import cleandoc

from qdsl.cli.entry import Catalog, Entry, first_sentence, page
from qdsl.ir.layer import Layer
from qdsl.sema.language import layer_functions, layer_kinds
from qdsl.sema.policy import LAYER_PROPERTIES


@cache
def _kinds() -> dict[str, type[Layer]]:
    return {kind.name: kind.layer for kind in layer_kinds()}


def _entry(name: str) -> Entry:
    kind = _kinds()[name]
    call = f"{name}({', '.join(map(_field, fields(kind)))})"
    doc = cleandoc(kind.__doc__ or "")
    text = page(
        f"# {name}",
        "A layer kind." + (" It vanishes from the packed graph." if kind.training_only else ""),
        f"`{call}`",
        doc,
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


def _properties(name: str) -> str:
    own = [f"`{p}`" for p, kinds in LAYER_PROPERTIES.items() if name in kinds]
    if not own:
        return ""
    return f"A rule of a policy may give it {', '.join(own)}, beside the formats of its weights."


LAYERS = Catalog("layer kinds", ("name", "signature", "doc"), _kinds, _entry)
