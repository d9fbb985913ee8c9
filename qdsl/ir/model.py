"""Defines the model: a tree of modules that own parameters, and the functions computed over it.

Equal parts are one value: the sixteen blocks of a `repeat` share one Module and one Body, so that
memory and time follow what is distinct, and only `walk` and `flatten` unroll.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from math import prod

from qdsl.ir.format import F32, Activations, WeightFormat
from qdsl.ir.op import Op
from qdsl.ir.shape import Shape
from qdsl.record import record
from qdsl.source import Span, no_span

# ---- values ------------------------------------------------------------------------------------


@record
class TensorType:
    """dtype is f32, i64 or bool."""

    dtype: str
    shape: Shape

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(str(d) for d in self.shape)}]"


@record
class Node:
    """One operation of the module that owns the body; values are numbered within the body.

    `parameters` are names of that module's parameters. `name` is the value's name in its function
    (`forward.x`), empty where the spec gave none.
    """

    op: Op
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    types: tuple[TensorType, ...]  # of the outputs
    parameters: tuple[str, ...] = ()
    name: str = ""
    span: Span = field(default_factory=no_span, compare=False, repr=False)


@record
class Invoke:
    """A call of a member's function; `member` is a path below the module (`blocks[3]`)."""

    member: str
    body: "Body"
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    span: Span = field(default_factory=no_span, compare=False, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A function made for given input types. Values 0 … len(inputs)-1 are the inputs."""

    function: str
    inputs: tuple[TensorType, ...]
    steps: tuple[Node | Invoke, ...]
    outputs: tuple[int, ...]
    size: int  # operations when unrolled


@record
class EntryInput:
    """`zeros`: the runtime starts this state with zeros."""

    name: str
    type: TensorType
    zeros: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A function of the model that is compiled and packed."""

    name: str
    inputs: tuple[EntryInput, ...]
    results: tuple[TensorType, ...]
    body: Body


# ---- modules -----------------------------------------------------------------------------------


class Role(StrEnum):
    """What a parameter is, which says which property of a policy governs it."""

    WEIGHT = "weight"  # matrices, kernels, tables, `parameter` members
    BIAS = "bias"
    NORM = "norm"  # gains and offsets of norms
    STATISTIC = "statistic"  # running mean and variance: not trained


@record
class Parameter:
    """`rows` leading axes of the shape are the outputs of its matrix, the rest its K."""

    name: str
    shape: tuple[int, ...]
    role: Role
    init: str = "zeros"  # as `fx/initialise.py` reads it
    rows: int = 1
    span: Span = field(default_factory=no_span, compare=False, repr=False)

    @property
    def numel(self) -> int:
        return prod(self.shape)

    @property
    def matrix(self) -> tuple[int, int]:
        """[outputs, K] that formats see."""
        return prod(self.shape[: self.rows]), prod(self.shape[self.rows :])


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """A layer or a block; a list of members is a `repeat`, an element's path is `name[i]`.

    Equal members are one value, so where each is written is its block's to know: `places`, by the
    member's name. `span` is where a block is defined, or where the first of equal layers is made.
    """

    kind: str
    is_layer: bool
    parameters: tuple[Parameter, ...]
    members: "Mapping[str, Module | tuple[Module, ...]]"
    span: Span = field(default_factory=no_span, repr=False)
    places: Mapping[str, Span] = field(default_factory=dict, repr=False)

    def place(self, path: str) -> Span:
        """Where the module at a path below this one is made; this one is where it is defined."""
        above, _, last = path.rpartition(".")
        owner = dict(_walked(self)).get(above)
        return owner.places.get(last.partition("[")[0], no_span()) if owner and path else self.span

    def walk(self, path: str = "") -> "Iterator[tuple[str, Module]]":
        """Every module below and this one, outside in, with its path."""
        below = _walked(self)
        return iter(below) if not path else ((join(path, p), m) for p, m in below)


@lru_cache(maxsize=256)
def _walked(module: Module) -> tuple[tuple[str, Module], ...]:
    """Paths from the module, which is walked once for all the places where it stands."""
    found = [("", module)]
    for name, member in module.members.items():
        if isinstance(member, Module):
            found += _placed(name, member)
        else:
            for i, element in enumerate(member):
                found += _placed(f"{name}[{i}]", element)
    return tuple(found)


def _placed(place: str, module: Module) -> Iterator[tuple[str, Module]]:
    yield place, module
    for path, inner in _walked(module)[1:]:
        yield f"{place}.{path}", inner


# ---- the resolved model ------------------------------------------------------------------------


@record
class Assigned:
    """A format and the text that gave it (the rule's property, or the default).

    `choices` are those of an `any(…)`, of which none has been chosen; `format` is the first.
    """

    format: WeightFormat
    span: Span = field(default_factory=no_span, compare=False, repr=False)
    choices: tuple[WeightFormat, ...] = ()


@record
class Storage:
    """A parameter at its path, with its format; `kind` is the layer's (`parameter` in a block).

    `place` is where its layer is made, or the parameter.
    """

    path: str
    kind: str
    parameter: Parameter
    assigned: Assigned = Assigned(F32)
    trainable: bool = True
    place: Span = field(default_factory=no_span, compare=False, repr=False)

    @property
    def format(self) -> WeightFormat:
        return self.assigned.format

    @property
    def choices(self) -> tuple[WeightFormat, ...]:
        return self.assigned.choices

    @property
    def module_path(self) -> str:
        return self.path.rpartition(".")[0]


@record
class Fold:
    """A BatchNorm that is folded into the layer before it, which gets its bias; paths."""

    norm: str
    into: str


class Arithmetic(StrEnum):
    """What a packed model computes in: `paper` rounds more values, `integer` all of them."""

    FLOAT = "float"
    PAPER = "paper"
    INTEGER = "integer"


class Functions(StrEnum):
    """How a model of `integer` arithmetic computes exp, sigmoid and the like."""

    TABLE = "table"
    POLYNOMIAL = "polynomial"


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A model with its formats resolved.

    storages: owners only, in the order of the module tree; ties: alias path → owner path;
    activations, states: by layer path, absent is f32; folds: what a pass decided; roundings: of
    the properties `output`, `matmul`, `softmax`, by path of a layer or value, absent is f32.
    """

    name: str
    root: Module
    entries: tuple[Entry, ...]
    storages: tuple[Storage, ...]
    ties: Mapping[str, str]
    activations: Mapping[str, Activations]
    states: Mapping[str, Activations]
    folds: tuple[Fold, ...] = ()
    roundings: Mapping[str, Mapping[str, Activations]] = field(default_factory=dict)
    arithmetic: Arithmetic = Arithmetic.FLOAT
    functions: Functions = Functions.TABLE

    def storage(self, path: str) -> Storage:
        """The storage of that path, its owner when tied; raises KeyError."""
        owner = self.ties.get(path, path)
        return next(s for s in self.storages if s.path == owner)


def join(path: str, name: str) -> str:
    """Path of a member or parameter."""
    return f"{path}.{name}" if path and name else path or name


def state_key(path: str) -> str:
    """State-dict key of a path: `blocks[3].weight` → `blocks.3.weight`."""
    return path.replace("[", ".").replace("]", "")


def path_of_key(key: str) -> str:
    """The path of a state-dict key; inverse of `state_key` (no member's name is a number)."""
    parts = key.split(".")
    text = parts[0]
    for part in parts[1:]:
        text += f"[{part}]" if part.isdigit() else f".{part}"
    return text
