"""Says what a value is, in a few words, for messages."""

from typing import assert_never

from qdsl.ir.builder import Value
from qdsl.ir.infer_shape import ShapeError
from qdsl.ir.shape import Dim
from qdsl.sema.values import (
    AnyWord,
    BlockValue,
    BoundFunction,
    FormatChoice,
    FormatValue,
    FunctionName,
    LayerKind,
    MemberValue,
    ParameterValue,
    Repeated,
    Unit,
)

VERBS = ("takes ", "gives ", "mixes ", "names ", "casts ", "cannot ")
"""How the message of a ShapeError begins where it speaks of the operation."""


def describe(value: object) -> str:
    """What a value is: `int 4`, f32[B, T], block `Encoder`."""
    match value:
        case Value():
            return f"`{value.type}`"
        case bool():
            return f"`{str(value).lower()}`"
        case int() | float():
            return f"`{value}`"
        case Dim():
            return f"dim `{value}`"
        case str():
            return f'`"{value}"`'
        case None:
            return "`none`"
        case tuple():
            return f"{len(value)} values"
        case _:
            return _named(value)


def shape_message(what: str, wrong: ShapeError) -> str:
    """The message for a shape that an operation does not take."""
    text = str(wrong)
    if text.startswith(f"`{what}`"):
        return text
    return f"`{what}` {text}" if text.startswith(VERBS) else f"`{what}`: {text}"


def _named(value: object) -> str:
    match value:
        case FormatValue(family=name):
            return f"format `{name}`"
        case FormatChoice() | AnyWord():
            return "`any(…)`"
        case BlockValue() | LayerKind() | FunctionName():
            return _named_by_text(value)
        case Unit(module=module):
            return f"layer `{module.kind}`" if module.is_layer else f"block `{module.kind}`"
        case MemberValue(path=path):
            return f"member `{path}`"
        case BoundFunction(function=name):
            return f"function `{name}`"
        case Repeated():
            return "a `repeat`"
        case ParameterValue(name=name):
            return f"parameter `{name}`"
        case _:
            return f"{type(value).__name__}"


def _named_by_text(value: BlockValue | LayerKind | FunctionName) -> str:
    match value:
        case BlockValue():
            return f"block `{value.definition.name.text}`"
        case LayerKind(name=name):
            return f"layer kind `{name}`"
        case FunctionName(name=name):
            return f"function `{name}`"
        case _:
            assert_never(value)
