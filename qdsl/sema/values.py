"""Defines what an expression of a spec can stand for while it is compiled."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qdsl.ir.builder import Value
from qdsl.ir.layer import Layer
from qdsl.ir.model import Module
from qdsl.ir.pattern import Dense, Pattern
from qdsl.ir.shape import Dim
from qdsl.record import record
from qdsl.source import Span
from qdsl.syntax import tree

if TYPE_CHECKING:
    from qdsl.sema.scope import FileScope


@record
class FormatValue:
    """A format as written: family, options and flags, before its use decides what it means."""

    family: str
    options: tuple[tuple[str, "Static"], ...] = ()
    flags: tuple[str, ...] = ()
    pattern: Pattern = Dense()
    span: Span | None = field(default=None, compare=False, repr=False)


@record
class FormatChoice:
    """`any(int4, int8)`: formats of which `fit` chooses one for each storage."""

    choices: tuple[FormatValue, ...]
    span: Span | None = field(default=None, compare=False, repr=False)


@record
class AnyWord:
    """The word `any`, not called."""


@dataclass(frozen=True, slots=True, eq=False)
class BlockValue:
    """A block or model and the file it stands in; the same text elsewhere is another block."""

    definition: tree.Block
    scope: "FileScope" = field(repr=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BlockValue) and other.definition is self.definition

    def __hash__(self) -> int:
        return id(self.definition)


@record
class LayerKind:
    """A primitive layer kind."""

    name: str
    layer: type[Layer]


@record
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
    | FormatChoice
    | AnyWord
    | BlockValue
    | LayerKind
    | FunctionName
    | tuple["Static", ...]
)


@record
class ParameterValue:
    """A `parameter` member, by name."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """A layer or a block with its arguments; equal ones are one value, so it has no path.

    names: parameters, constants and members of a block, by name; ties: paths below it. parts: how
    many layers, blocks and weights it unrolls to; numel: how many numbers are in its weights;
    whole: no member is missing because of an error.
    """

    module: Module
    definition: Layer | BlockValue
    names: "Mapping[str, Val]"
    ties: "tuple[TieValue, ...]" = ()
    parts: int = 1
    numel: int = 0
    whole: bool = True

    @property
    def kind(self) -> str:
        return self.module.kind


@record
class TieValue:
    """`tie alias = owner`, paths below the block that says so."""

    alias: str
    owner: str
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """The elements of a `repeat`; `element` is what each is made of, where there are none too."""

    units: tuple[Unit, ...]
    element: BlockValue | LayerKind | None = None


@record
class MemberValue:
    """A member reached from the module whose function is elaborated; `path` from there."""

    unit: Unit | Repeated
    path: str


@record
class BoundFunction:
    """A function of a member, or with path `` of the module itself."""

    unit: Unit | Repeated
    path: str
    function: str


@record
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
