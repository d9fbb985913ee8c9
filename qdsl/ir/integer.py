"""Plans a model of integer arithmetic: the scale of every value, and which tables it needs.

Every f32 value that depends on the data is int16 codes of one scale; docs/integer.md states the
rules. Sizes, training and packing follow this plan.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

from qdsl.ir import op
from qdsl.ir.flat import FlatNode, Graph, graphs
from qdsl.ir.model import Arithmetic, Functions, Model, join
from qdsl.record import record

UNIT = 1 / 127  # of values within ±1
CELL = 16 / 127  # of the cells of LSTMs
GATE = 8 / 127  # of the arguments of gates, as good as 0 or 1 beyond ±8


@record
class Observed:
    """The static range of that path and name, which the file stores."""

    path: str
    name: str = "output"


@record
class Fixed:
    """That number as f32."""

    number: float


@record
class Times:
    """Another scale times a positive number, as f32: nothing is computed."""

    scale: "Scale"
    factor: float


Scale = Observed | Fixed | Times
Number = int  # of a value or a node in a graph


class Kind(StrEnum):
    """How a value exists at run time."""

    PLAIN = "plain"  # i64 or bool
    CONSTANT = "constant"  # f32 that only sizes and parameters enter
    CODES = "codes"
    REST = "rest"  # f32 behind a log_softmax, after the last dequantizer


@record
class Value:
    """`data`: an input of the entry enters it; `scale` is that of codes."""

    kind: Kind
    scale: Scale | None = None
    data: bool = True


@record
class Table:
    """256 bytes of a function of int8 codes, stored at `path` under `name`.

    The function `softmax` is the decay exp(-x); its results have no scale.
    """

    path: str
    name: str
    function: str
    argument: Scale
    result: Scale | None = None


@record
class Refused:
    """An operation that integers cannot compute, and why."""

    flat: FlatNode
    reason: str


@dataclass(frozen=True, eq=False)
class Plan:
    """The values of one entry by number, and the tables of its operations by place in the graph.

    `constants` are the scales at which constants are quantized where an operation takes codes;
    `numbers` are those that the spec has, `dtypes` those of all values.
    """

    graph: Graph
    values: tuple[Value, ...]
    constants: Mapping[Number, Scale]
    tables: Mapping[Number, tuple[Table, ...]]
    refused: tuple[Refused, ...]
    numbers: Mapping[Number, float]
    dtypes: tuple[str, ...]

    def scale(self, number: Number) -> Scale:
        """The scale of the codes that operations take."""
        return self.values[number].scale or self.constants[number]

    def factor(self, flat: FlatNode) -> tuple[Number, float] | None:
        """The value and the number that it is multiplied by, where a product is one of those."""
        return factor(flat, self.numbers)

    # ---- operations that only move codes -----------------------------------------------------

    def constant(self, flat: FlatNode) -> tuple[Number, Number] | None:
        """The number that a `where` gives in places, and the value that it gives elsewhere."""
        return constant(flat, self.numbers)

    def moving(self, flat: FlatNode) -> list[Number]:
        """Inputs whose codes go on in the result."""
        if (factor := self.factor(flat)) is not None:
            return [factor[0]]
        if (constant := self.constant(flat)) is not None:
            return [constant[1]]
        return [n for n in flat.node.inputs if self.dtypes[n] == "f32"]

    def own_scales(self, flat: FlatNode) -> dict[Number, Number]:
        """Inputs that are taken in the scale of a result, which has that number."""
        node = flat.node
        match node.op:
            case op.Lstm() | op.Gru():
                return dict(zip(node.inputs[1:], node.outputs[1:], strict=True))
            case op.IndexUpdate():
                return {node.inputs[0]: node.outputs[0]}
            case op.Cat() | op.Stack():
                return dict.fromkeys(node.inputs, node.outputs[0])
            case op.Where() if self.constant(flat) is None:
                return dict.fromkeys(node.inputs[1:], node.outputs[0])
            case _:
                return {}

    def requantized(self, flat: FlatNode) -> list[Number]:
        """Those of `own_scales` whose codes have another scale."""
        own = self.own_scales(flat)
        codes = (n for n in own if self.values[n].kind is Kind.CODES)
        return [n for n in codes if self.scale(n) != self.scale(own[n])]


@dataclass(frozen=True, eq=False)
class Plans:
    """All entries; `observed` and `tables` are what the file stores, each once."""

    entries: Mapping[str, Plan]
    observed: tuple[Observed, ...]
    tables: tuple[Table, ...]


@lru_cache(maxsize=8)  # models are compared by identity
def plans(model: Model) -> Plans:
    """The plan of each entry of a model of integer arithmetic."""
    from qdsl.ir.integer_rules import plan

    shared = Shared(model)
    entries = {graph.entry: plan(graph, shared) for graph in graphs(model)}
    scales = (s for p in entries.values() for s in _scales(p))
    observed = dict.fromkeys(s for s in scales if isinstance(s, Observed))
    return Plans(entries, tuple(observed), tuple(shared.tables.values()))


def tables(model: Model) -> tuple[Table, ...]:
    """The tables that the file stores; none in another arithmetic."""
    return plans(model).tables if model.arithmetic is Arithmetic.INTEGER else ()


def plan_of(model: Model, graph: Graph) -> Plan | None:
    """The plan of an entry; None in another arithmetic, and for a graph of other operations."""
    if model.arithmetic is not Arithmetic.INTEGER:
        return None
    found = plans(model).entries.get(graph.entry)
    same = found is not None and found.graph.nodes == graph.nodes
    return found if same else None


def _scales(plan: Plan) -> Iterator[Scale]:
    """Scales in the order of the graph; of `a · 2` that of a."""
    found = [(n, v.scale) for n, v in enumerate(plan.values) if v.scale is not None]
    for _, scale in sorted([*found, *plan.constants.items()], key=lambda pair: pair[0]):
        while isinstance(scale, Times):
            scale = scale.scale
        yield scale


@dataclass(eq=False)
class Shared:
    """What the entries of a model share: tables by their names."""

    model: Model
    tables: dict[tuple[str, str], Table] = field(default_factory=dict)

    @property
    def tabled(self) -> bool:
        return self.model.functions is Functions.TABLE

    def folded(self, path: str) -> bool:
        return any(f.norm == path for f in self.model.folds)

    def table(self, path: str, function: str, argument: Scale, result: Scale | None) -> Table:
        """The table of a function at a path; calls with other scales get one of their own."""
        count, name = 1, f"{function}_table"
        while True:
            table = Table(path, name, function, argument, result)
            if self.tables.setdefault((path, name), table) == table:
                return table
            count += 1
            name = f"{function}_table@{count}"


def factor(flat: FlatNode, numbers: Mapping[Number, float]) -> tuple[Number, float] | None:
    """See `Plan.factor`."""
    match flat.node.op, flat.node.inputs:
        case op.Binary("mul"), (a, b) if numbers.get(b):
            return a, numbers[b]
        case op.Binary("div"), (a, b) if numbers.get(b):
            return a, 1 / numbers[b]
        case op.Binary("mul"), (a, b) if numbers.get(a):
            return b, numbers[a]
        case _:
            return None


def constant(flat: FlatNode, numbers: Mapping[Number, float]) -> tuple[Number, Number] | None:
    """See `Plan.constant`."""
    if not isinstance(flat.node.op, op.Where):
        return None
    _, a, b = flat.node.inputs
    return next((pair for pair in ((a, b), (b, a)) if pair[0] in numbers), None)


def value_path(flat: FlatNode) -> str:
    """Where the range of an operation's result stands: at its layer, or at the value."""
    return flat.path if isinstance(flat.node.op, _LAYERS) else join(flat.path, flat.label)


_LAYERS = (op.Linear, op.Embedding, op.Conv, op.Lstm, op.Gru, op.LayerNorm, op.BatchNorm)
