"""Finds the static ranges that need values of at least 0, and see others (PACT, 1805.06085)."""

from collections.abc import Iterator, Mapping

from qdsl.ir import op
from qdsl.ir.flat import FlatNode, Graph, graphs
from qdsl.ir.format import LearnedClip, StaticFormat
from qdsl.ir.model import Model
from qdsl.ir.ranges import Range, ranges

_FUNCTIONS = frozenset({"relu", "sigmoid", "exp", "sqrt", "abs"})
_SUMS = frozenset({"add", "mul", "div"})  # of two such values one again


def misplaced_clips(model: Model) -> Iterator[Range]:
    """Unsigned ranges with a learned clip that may see a negative value, each once."""
    wanted = {(r.path, r.name): r for r in ranges(model) if _is_unsigned(r.format)}
    if not wanted:
        return
    found: dict[tuple[str, str], Range] = {}
    for graph in graphs(model):
        positive = non_negative(graph)
        for flat in graph.nodes:
            for place, value in _rounded(flat).items():
                if place in wanted and value not in positive:
                    found[place] = wanted[place]
    yield from found.values()


def non_negative(graph: Graph) -> frozenset[int]:
    """Values of the unrolled graph that are at least 0 by what computes them."""
    found: set[int] = set()
    for flat in graph.nodes:
        if _gives(flat, all(i in found for i in flat.node.inputs)):
            found.update(flat.node.outputs)
    return frozenset(found)


def _is_unsigned(format: StaticFormat) -> bool:
    return isinstance(format.clip, LearnedClip) and not format.grid.signed


def _rounded(flat: FlatNode) -> Mapping[tuple[str, str], int]:
    """The values that ranges of the operation would round, by path and name."""
    inputs, outputs = flat.node.inputs, flat.node.outputs
    found = {(flat.value, "output"): outputs[0]} if flat.ends else {}
    match flat.node.op:
        case op.Linear() | op.Conv():
            found[flat.path, "input"] = inputs[0]
        case op.Lstm() | op.Gru():
            found[flat.path, "input"] = inputs[0]
            found[flat.path, "state"] = -1  # a state has both signs
        case op.Einsum():
            found[flat.value, "left"], found[flat.value, "right"] = inputs
        case op.Softmax():
            found[flat.value, "softmax"] = outputs[0]
        case _:
            pass
    return found


def _gives(flat: FlatNode, given: bool) -> bool:
    """Whether the results are at least 0; `given` says that of all inputs."""
    match flat.node.op:
        case op.Softmax():
            return True
        case op.Unary(function):
            return function in _FUNCTIONS
        case op.Binary(function):
            return given and function in _SUMS
        case op.Scalar(value) | op.Full(_, value):
            return isinstance(value, int | float) and value >= 0
        case op.Pad(value=value):
            return given and value >= 0
        case (
            op.Reduce()
            | op.Pool()
            | op.Dropout()
            | op.Einsum()
            | op.Reshape()
            | op.Transpose()
            | op.Expand()
            | op.Cat()
            | op.Stack()
            | op.Windows()
        ):
            return given
        case op.Index() | op.Gather():
            return given
        case _:
            return False
