"""Says of each operation what integers make of it: the scale of its result, and its tables."""

from dataclasses import dataclass, field

from qdsl.ir import op
from qdsl.ir.flat import FlatNode, Graph
from qdsl.ir.integer import (
    CELL,
    GATE,
    UNIT,
    Fixed,
    Kind,
    Number,
    Observed,
    Plan,
    Refused,
    Scale,
    Shared,
    Table,
    Times,
    Value,
    constant,
    factor,
    value_path,
)

POLYNOMIAL = frozenset(("sigmoid", "tanh", "silu", "gelu"))
"""Functions of one value that have a polynomial; the others are tables in either case."""
_SAME = frozenset(("relu", "abs", "neg"))
_BOUNDED = frozenset(("sigmoid", "tanh"))
_TABLED = frozenset(("silu", "gelu", "exp", "log", "sqrt"))


_MOVING = (
    op.Dropout,
    op.Index,
    op.Reshape,
    op.Transpose,
    op.Expand,
    op.Pad,
    op.Windows,
    op.Gather,
    op.RelativeShift,
    op.Reduce,
    op.Pool,
)


class _Impossible(Exception):
    """An operation that integers cannot compute."""


def plan(graph: Graph, shared: Shared) -> Plan:
    """The plan of one entry."""
    given = (i.type.dtype for i in graph.inputs)
    dtypes = (*given, *(t.dtype for f in graph.nodes for t in f.node.types))
    planner = _Planner(graph, shared, dtypes)
    planner.inputs()
    for place, flat in enumerate(graph.nodes):
        planner.node(place, flat)
    # an input that goes through to a result is not quantized
    values = tuple(v or Value(Kind.REST) for v in planner.values)
    refused, p = tuple(planner.refused), planner
    return Plan(graph, values, p.constants, p.tables, refused, p.numbers, dtypes)


@dataclass(eq=False)
class _Planner:
    """`values` is None for an f32 input of the entry that nothing has taken yet."""

    graph: Graph
    shared: Shared
    dtypes: tuple[str, ...]
    values: list[Value | None] = field(default_factory=list)
    numbers: dict[Number, float] = field(default_factory=dict)
    makers: dict[Number, FlatNode] = field(default_factory=dict)
    constants: dict[Number, Scale] = field(default_factory=dict)
    tables: dict[Number, tuple[Table, ...]] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)

    def inputs(self) -> None:
        for given in self.graph.inputs:
            self.values.append(None if given.type.dtype == "f32" else Value(Kind.PLAIN))

    def node(self, place: Number, flat: FlatNode) -> None:
        node, before = flat.node, len(self.values)
        try:
            self.values += self._results(place, flat)
        except _Impossible as impossible:
            self.refused.append(Refused(flat, str(impossible)))
        # what follows a refused operation is not its fault
        for type in node.types[len(self.values) - before :]:
            codes = Value(Kind.CODES, Fixed(UNIT))
            self.values.append(codes if type.dtype == "f32" else Value(Kind.PLAIN))
        self.makers.update(dict.fromkeys(node.outputs, flat))

    # ---- what a result is --------------------------------------------------------------------

    def _results(self, place: Number, flat: FlatNode) -> tuple[Value, ...]:
        operation, node = flat.node.op, flat.node
        if isinstance(operation, op.Scalar) and isinstance(operation.value, int | float):
            self.numbers[node.outputs[0]] = float(operation.value)
        known = [v for n in node.inputs if (v := self.values[n]) is not None]
        data = len(known) < len(node.inputs) or any(v.data for v in known)
        if any(v.kind is Kind.REST for v in known) or isinstance(operation, op.LogSoftmax):
            return self._rest(flat)
        if all(type.dtype != "f32" for type in node.types):
            self._refuse_comparison(flat)
            return tuple(Value(Kind.PLAIN, None, data) for _ in node.types)
        if isinstance(operation, op.Read) or not (data or node.parameters):
            return (Value(Kind.CONSTANT, None, False),)
        return tuple(Value(Kind.CODES, s) for s in self._scales(place, flat))

    def _rest(self, flat: FlatNode) -> tuple[Value, ...]:
        operation = flat.node.op
        if flat.node.parameters or isinstance(operation, op.Einsum | op.Softmax):
            raise _Impossible("behind `log_softmax` values are floats: no layer may follow it")
        for number in flat.node.inputs:
            if self.values[number] is None or self._is(number, Kind.CODES):
                self._scale(number)
        kinds = (Kind.REST if t.dtype == "f32" else Kind.PLAIN for t in flat.node.types)
        return tuple(Value(kind) for kind in kinds)

    def _refuse_comparison(self, flat: FlatNode) -> None:
        taken = flat.node.inputs
        if any(self.values[n] is None or self._is(n, Kind.CODES) for n in taken):
            raise _Impossible("integers of different scales are not compared or turned into others")

    def _is(self, number: Number, kind: Kind) -> bool:
        value = self.values[number]
        return value is not None and value.kind is kind

    # ---- scales ------------------------------------------------------------------------------

    def _scale(self, number: Number) -> Scale:
        """The scale of the codes that an operation takes."""
        value = self.values[number]
        if value is None:
            path = f"{self.graph.entry}.{self.graph.inputs[number].name}"
            return self._taken(number, Observed(path, "input"))
        if value.scale is not None:
            return value.scale
        if number not in self.constants:
            self.constants[number] = self._of_constant(number)
        return self.constants[number]

    def _of_constant(self, number: Number) -> Scale:
        if number in self.numbers:
            return Fixed(abs(self.numbers[number]) * UNIT or UNIT)
        return Observed(value_path(self.makers[number]))

    def _taken(self, number: Number, scale: Scale) -> Scale:
        self.values[number] = Value(Kind.CODES, scale)
        return scale

    def _state(self, number: Number, scale: Scale) -> None:
        """A state that an operation takes in a scale of its own, which a mere input has too."""
        if self.values[number] is None:
            self._taken(number, scale)

    def _scales(self, place: Number, flat: FlatNode) -> tuple[Scale, ...]:
        operation, inputs = flat.node.op, flat.node.inputs
        match operation:
            case op.Lstm() | op.Gru():
                return self._recurrent(place, flat, operation)
            case op.Linear() | op.Conv() | op.LayerNorm() | op.Embedding() | op.Einsum():
                return self._observed(flat)
            case op.BatchNorm():
                folded = self.shared.folded(flat.path)
                return (self._scale(inputs[0]),) if folded else self._observed(flat)
            case _:
                return (self._scale_of_value(place, flat, operation),)

    def _scale_of_value(self, place: Number, flat: FlatNode, operation: op.Op) -> Scale:
        inputs = flat.node.inputs
        match operation:
            case op.Softmax() | op.Glu() | op.Unary():
                return self._function(place, flat, operation)
            case op.Binary(function):
                return self._binary(flat, function)
            case op.Where():
                return self._where(flat)
            case op.Cast():
                return self._cast(flat)
            case op.Cat() | op.Stack():
                return self._common(flat, inputs)
            case op.IndexUpdate():
                scale = self._scale(inputs[1])
                self._state(inputs[0], scale)
                return scale
            case op.Reduce("sum"):
                return self._observed(flat)[0]
            case op.Pad(value=value) if value:
                raise _Impossible(f"`pad` with {value:g}, where 0 has a code in every scale")
            case _:
                return self._moved(flat, operation)

    def _moved(self, flat: FlatNode, operation: op.Op) -> Scale:
        if isinstance(operation, _MOVING):
            return self._scale(flat.node.inputs[0])
        raise AssertionError(f"{operation} gives no codes")

    def _observed(self, flat: FlatNode, name: str = "output") -> tuple[Scale]:
        for number, type in zip(flat.node.inputs, self._types(flat), strict=True):
            if type == "f32":
                self._scale(number)
        return (Observed(value_path(flat), name),)

    def _types(self, flat: FlatNode) -> list[str]:
        return ["i64" if self._is(n, Kind.PLAIN) else "f32" for n in flat.node.inputs]

    def _recurrent(
        self, place: Number, flat: FlatNode, operation: op.Recurrent
    ) -> tuple[Scale, ...]:
        x, *states = flat.node.inputs
        self._scale(x)
        h: Scale = Fixed(UNIT)
        if isinstance(operation, op.Lstm) and len(flat.node.parameters) == 4:
            h = Observed(flat.path)
        scales = (h, Fixed(CELL))[: len(states)]
        for number, scale in zip(states, scales, strict=True):
            self._state(number, scale)
        if self.shared.tabled:
            gates = ("sigmoid", "tanh")
            self.tables[place] = tuple(
                self.shared.table(flat.path, f, Fixed(GATE), Fixed(UNIT)) for f in gates
            )
        return (h, *scales)

    def _function(
        self, place: Number, flat: FlatNode, operation: op.Softmax | op.Glu | op.Unary
    ) -> Scale:
        argument, path = self._scale(flat.node.inputs[0]), value_path(flat)
        function: str
        result: Scale
        match operation:
            case op.Softmax():
                function, result = "softmax", Fixed(UNIT)
            case op.Glu():
                function, result = "sigmoid", Observed(path)
            case op.Unary(function) if function in _SAME:
                return argument
            case op.Unary(function) if function in _BOUNDED:
                result = Fixed(UNIT)
            case op.Unary(function) if function in _TABLED:
                result = Observed(path)
            case op.Unary(function):
                raise _Impossible(f"`{function}` of values that depend on the data")
        if self.shared.tabled or function not in (*POLYNOMIAL, "softmax"):
            entries = None if function == "softmax" else result
            if isinstance(operation, op.Glu):
                entries = Fixed(UNIT)
            self.tables[place] = (self.shared.table(path, function, argument, entries),)
        return result

    def _binary(self, flat: FlatNode, function: str) -> Scale:
        if function not in ("add", "sub", "mul", "div"):
            raise _Impossible(f"`{function}` of values that depend on the data")
        if (found := factor(flat, self.numbers)) is not None:
            number, by = found
            return Times(self._scale(number), abs(by))
        return self._observed(flat)[0]

    def _where(self, flat: FlatNode) -> Scale:
        found = constant(flat, self.numbers)
        if found is not None and not self._is(found[1], Kind.CONSTANT):
            return self._scale(found[1])
        return self._common(flat, flat.node.inputs[1:])

    def _common(self, flat: FlatNode, inputs: tuple[Number, ...]) -> Scale:
        """The one scale that all have, or one of the result; constants are taken in that."""
        moving = [n for n in inputs if not self._is(n, Kind.CONSTANT)]
        scales = {self._scale(n) for n in moving}
        one = len(moving) == len(inputs) and len(scales) == 1
        return scales.pop() if one else Observed(value_path(flat))

    def _cast(self, flat: FlatNode) -> Scale:
        (number,) = flat.node.inputs
        if not self._is(number, Kind.PLAIN):
            return self._scale(number)
        boolean = self.dtypes[number] == "bool"
        return Fixed(UNIT) if boolean else self._observed(flat)[0]
