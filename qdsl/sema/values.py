"""Defines what an expression of a spec can stand for while it is compiled."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qdsl.ir.builder import Value
from qdsl.ir.layer import Layer
from qdsl.ir.model import Module
from qdsl.ir.pattern import Dense, Pattern
from qdsl.ir.shape import Dim
from qdsl.source import Span
from qdsl.syntax import tree

if TYPE_CHECKING:
    from qdsl.sema.scope import FileScope


@dataclass(frozen=True, slots=True)
class FormatValue:
    """A format as written: family, options and flags, before its use decides what it means."""

    family: str
    options: tuple[tuple[str, "Static"], ...] = ()
    flags: tuple[str, ...] = ()
    pattern: Pattern = Dense()
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class BlockValue:
    """A block or model and the file it stands in."""

    definition: tree.Block
    scope: "FileScope" = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class LayerKind:
    """A primitive layer kind."""

    name: str
    layer: type[Layer]


@dataclass(frozen=True, slots=True)
class FunctionName:
    """A function of tensors, named but not called."""

    name: str


Static = (
    int
    | float
    | bool
    | str
    | None
    | Dim
    | FormatValue
    | BlockValue
    | LayerKind
    | FunctionName
    | tuple["Static", ...]
)


@dataclass(frozen=True, slots=True)
class ParameterValue:
    """A `parameter` member, by name."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """A layer or a block with its arguments; equal ones are one value, so it has no path.

    names: parameters, constants and members of a block, by name; ties: paths below it.
    """

    module: Module
    definition: Layer | BlockValue
    names: "dict[str, Static | Unit | Repeated | ParameterValue]"
    ties: "tuple[TieValue, ...]" = ()
    modules: int = 1  # how many it unrolls to

    @property
    def kind(self) -> str:
        return self.module.kind


@dataclass(frozen=True, slots=True)
class TieValue:
    """`tie alias = owner`, paths below the block that says so."""

    alias: str
    owner: str
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """The elements of a `repeat`."""

    units: tuple[Unit, ...]


@dataclass(frozen=True, slots=True)
class MemberValue:
    """A member reached from the module whose function is elaborated; `path` from there."""

    unit: Unit | Repeated
    path: str


@dataclass(frozen=True, slots=True)
class BoundFunction:
    """A function of a member, or with path `` of the module itself."""

    unit: Unit | Repeated
    path: str
    function: str


@dataclass(frozen=True, slots=True)
class Poison:
    """Stands for a value whose error has been reported."""


Val = (
    Static
    | Value
    | MemberValue
    | BoundFunction
    | ParameterValue
    | Unit
    | Repeated
    | Poison
    | tuple["Val", ...]
)


def describe(value: object) -> str:
    """What a value is, in a few words, for messages."""
    match value:
        case Value():
            return str(value.type)
        case bool():
            return f"bool `{str(value).lower()}`"
        case int() | Dim():
            return f"int `{value}`"
        case float():
            return f"float `{value}`"
        case str():
            return f'str "{value}"'
        case None:
            return "`none`"
        case FormatValue():
            return f"format `{value.family}`"
        case BlockValue():
            return f"block `{value.definition.name.text}`"
        case LayerKind():
            return f"layer kind `{value.name}`"
        case FunctionName():
            return f"function `{value.name}`"
        case Unit():
            return f"a `{value.kind}`"
        case MemberValue():
            return f"member `{value.path}`"
        case BoundFunction():
            return f"function `{value.function}`"
        case Repeated():
            return "a `repeat`"
        case ParameterValue():
            return f"parameter `{value.name}`"
        case tuple():
            return f"{len(value)} values"
        case _:
            return "an unknown value"
