"""Defines what a name of a spec means: a symbol, and the places that name it."""

from dataclasses import dataclass
from enum import StrEnum

from qdsl.record import record
from qdsl.source import Span
from qdsl.syntax import tree


class Kind(StrEnum):
    """What a symbol is; the words are those that messages use."""

    CONST = "constant"
    FORMAT = "format"
    BLOCK = "block"
    MODEL = "model"
    POLICY = "policy"
    BUDGET = "budget"
    RECIPE = "recipe"
    TARGET = "target"
    VARIANT = "variant"
    PARAMETER = "parameter"
    MEMBER = "member"
    WEIGHT = "weight"
    FUNCTION = "function"
    ENTRY = "entry"
    INPUT = "input"
    LOCAL = "local"
    INDEX = "index"
    DIM = "dim"
    STAGE = "stage"
    MODULE = "module"
    WORD = "word of the language"


Node = (
    tree.Item
    | tree.Member
    | tree.ParameterMember
    | tree.Function
    | tree.Parameter
    | tree.Input
    | tree.Stage
    | tree.Name
)


@dataclass(frozen=True, eq=False)
class Symbol:
    """Something that has a name: `span` is the name where it is defined, `node` what defines it.

    owner: the item it stands in, None for items, files and words of the language, which have no
    span either. Two symbols are equal where they are defined in one place.
    """

    kind: Kind
    name: str
    span: Span | None = None
    node: Node | None = None
    owner: tree.Item | None = None

    @property
    def _key(self) -> tuple[object, ...]:
        return (self.span.source, self.span.start) if self.span else (self.kind, self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Symbol) and other._key == self._key

    def __hash__(self) -> int:
        return hash(self._key)


@record
class Occurrence:
    """A place that names a symbol; `binds` where it defines it, or gives it a new value."""

    span: Span
    symbol: Symbol
    binds: bool = False


def word(name: str) -> Symbol:
    """A layer, function, format, property or other word of the language."""
    return Symbol(Kind.WORD, name)
