"""Turns an operation of a model into a call of an integer operation, by the plan of its entry."""

from dataclasses import dataclass, replace
from typing import Any

from qdsl.fx.integer.library import OPERATIONS
from qdsl.fx.storages import Storages
from qdsl.ir import op
from qdsl.ir.flat import FlatNode
from qdsl.ir.format import PerGroup
from qdsl.ir.integer import Kind, Number, Plan, Scale, Table
from qdsl.ir.integer_rules import POLYNOMIAL


@dataclass(frozen=True, slots=True)
class Call:
    """`qdsl::integer_<name>` of these values, weights and tables.

    `weights` and `floats` are paths of parameters; `statics` are numbers that stand in the graph.
    """

    name: str
    inputs: tuple[Number, ...]
    results: tuple[Scale, ...]
    weights: tuple[str, ...] = ()
    floats: tuple[str | None, ...] = ()
    tables: tuple[Table, ...] = ()
    statics: tuple[Any, ...] = ()
    epsilon: float = 0.0

    @property
    def constants(self) -> int:
        """How many tensors `constants` of the operation gives."""
        match self.name:
            case "lstm":
                return 13 if len(self.weights) == 3 else 11
            case "gru":
                return 8
            case _:
                operation = OPERATIONS[self.name]
                tensors = operation.schema.count("Tensor ")
                return tensors - operation.codes - operation.weights - len(self.tables)


def call_of(plan: Plan, place: Number, storages: Storages) -> Call | None:
    """The call that computes an operation's results; None where codes only move."""
    flat = plan.graph.nodes[place]
    node = flat.node
    results = tuple(s for n in node.outputs if (s := plan.values[n].scale) is not None)
    call = Call("", node.inputs, results, tables=plan.tables.get(place, ()))
    match node.op:
        case op.Linear() | op.Conv() | op.Embedding() | op.Lstm() | op.Gru():
            return _with_weights(call, flat, storages)
        case op.LayerNorm(eps):
            return replace(call, name="layer_norm", floats=node.parameters, epsilon=eps)
        case op.BatchNorm() if flat.path not in storages.folded:
            return replace(call, name="scale_and_shift", floats=_present(flat, storages))
        case op.Einsum(equation):
            return replace(call, name="einsum", statics=(equation,))
        case op.Softmax(axis):
            name = "softmax" if call.tables else "softmax_polynomial"
            return replace(call, name=name, statics=(axis,))
        case op.Glu(axis):
            return replace(call, name="glu" if call.tables else "glu_polynomial", statics=(axis,))
        case op.Unary(function):
            if call.tables:
                return replace(call, name="table")
            return replace(call, name=function) if function in POLYNOMIAL else None
        case op.Binary() | op.Reduce() | op.Pool() | op.Cast():
            moved = plan.factor(flat) is not None
            return None if moved else _arithmetic(call, node.op, plan)
        case _:
            return None


def _arithmetic(
    call: Call, operation: op.Binary | op.Reduce | op.Pool | op.Cast, plan: Plan
) -> Call | None:
    match operation:
        case op.Binary("add"):
            return replace(call, name="add", statics=(1,))
        case op.Binary("sub"):
            return replace(call, name="add", statics=(-1,))
        case op.Binary("mul"):
            return replace(call, name="multiply")
        case op.Binary("div"):
            return replace(call, name="divide")
        case op.Reduce("sum" | "mean" as function, axis, keep):
            return replace(call, name=function, statics=(axis, keep))
        case op.Pool("mean", axis, size, stride):
            return replace(call, name="pool_mean", statics=(axis, size, stride))
        case op.Cast() if plan.values[call.inputs[0]].kind is Kind.PLAIN:
            truth = plan.dtypes[call.inputs[0]] == "bool"
            return replace(call, name="from_truth" if truth else "from_integers")
        case _:
            return None


def _with_weights(call: Call, flat: FlatNode, storages: Storages) -> Call:
    paths = storages.parameters(flat)
    bias: tuple[str | None, ...]
    match flat.node.op:
        case op.Embedding():
            weight, bias = paths, ()
            _, width = storages.of(paths[0]).parameter.matrix
            statics: tuple[Any, ...] = (*_sizes(weight, storages), width)
            name = "embedding"
        case op.Linear():
            weight, bias = paths[:1], paths[1:] or (None,)
            name, statics = "linear", _sizes(weight, storages)
        case op.Conv() as conv:
            weight, bias = paths[:1], paths[1:] or (None,)
            padding = [n for pair in conv.padding for n in pair]
            shape = (list(conv.kernel), list(conv.stride), padding, list(conv.dilation))
            name, statics = "conv", (*_sizes(weight, storages), *shape, conv.groups)
        case op.Lstm():
            weight, bias = (*paths[:2], *paths[3:]), paths[2:3]
            name, statics = "lstm", (list(_sizes(weight, storages)),)
        case _:
            weight, bias = paths[:2], paths[2:]
            name, statics = "gru", (list(_sizes(weight, storages)),)
    return replace(call, name=name, weights=weight, floats=bias, statics=statics)


def _sizes(paths: tuple[str, ...], storages: Storages) -> tuple[int, ...]:
    """Weights that share a scale in each row."""
    found = []
    for path in paths:
        storage = storages.of(path)
        grouping = storage.format.grouping
        k = storage.parameter.matrix[1]
        found.append(grouping.size if isinstance(grouping, PerGroup) else k)
    return tuple(found)


def _present(flat: FlatNode, storages: Storages) -> tuple[str, ...]:
    """Gain and offset; the statistics of a norm are folded into them."""
    return tuple(p for p in flat.node.parameters if storages.has(p))
