"""Puts into a graph what sums the inputs of sparse weights, for masks that rank by them.

An embedding has no inputs, and those of an LSTM's projection are not seen: both rank by magnitude.
"""

from torch import fx

from qdsl.fx import scores
from qdsl.fx.emission import Emission, LayerOp
from qdsl.fx.quantizer import QUANTIZER
from qdsl.fx.storages import Storages
from qdsl.ir import op
from qdsl.ir.flat import FlatNode, graphs
from qdsl.ir.model import Model
from qdsl.ir.pattern import Dense


def observe_inputs(
    to: Emission, storages: Storages, operation: LayerOp, flat: FlatNode, x: fx.Node
) -> fx.Node:
    """x, the input of a layer, as its first weight has met it, which is chosen after that."""
    match operation:
        case op.Conv(kernel, stride, padding, dilation):
            arguments: tuple[object, ...] = (kernel, stride, padding, dilation)
            function: object = scores.observe_patches
        case op.Linear() | op.Lstm() | op.Gru():
            arguments, function = (), scores.observe
        case _:
            return x
    sums = _sums(to, storages, flat.node.parameters[0])
    if sums is None:
        return x
    return to.call(function, x, sums, *arguments, to.attribute("training"))


def observe_states(
    to: Emission, storages: Storages, flat: FlatNode, h: fx.Node, y: fx.Node
) -> fx.Node:
    """y, the result of a recurrence that began with h: its recurrent weight has met both."""
    sums = _sums(to, storages, flat.node.parameters[1])
    if sums is None:
        return y
    return to.call(scores.observe_states, y, sums, h, to.attribute("training"))


def parts(model: Model) -> dict[str, int]:
    """Path of a stored weight → groups of the convolution that reads it; 1 is left out."""
    found = {}
    for graph in graphs(model):
        for flat in graph.nodes:
            if isinstance(flat.node.op, op.Conv) and flat.node.op.groups > 1:
                path = flat.node.parameters[0]
                found[model.ties.get(path, path)] = flat.node.op.groups
    return found


def _sums(to: Emission, storages: Storages, path: str) -> fx.Node | None:
    """Where the inputs of the weight are summed, if it is sparse."""
    if isinstance(storages.of(path).format.pattern, Dense):
        return None
    return to.attribute(f"{storages.key(path)}{QUANTIZER}.inputs")
