"""Settles the arithmetic of a variant: what `paper` rounds, what `integer` leaves no choice of."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from qdsl.diagnostic.model import error
from qdsl.ir import op
from qdsl.ir.flat import FlatNode, graphs
from qdsl.ir.format import Activations, IntegerGrid, IntegerZero, StaticFormat
from qdsl.ir.model import Arithmetic, Functions, Model
from qdsl.ir.ranges import NORM_PARTS, SOFTMAX_PARTS
from qdsl.sema.context import Context
from qdsl.sema.policy import LAYER_PROPERTIES, VALUE_PROPERTIES
from qdsl.sema.storages import Assigner

BYTE = StaticFormat(IntegerGrid(8, signed=False), IntegerZero())
"""What `paper` rounds to: unsigned, asymmetric, in a static range (arXiv 1910.10485)."""
_LAYERS = (op.Linear, op.Conv, op.Embedding, op.Lstm, op.Gru, op.LayerNorm)

Rounding = tuple[str, str]  # a property and the path of a layer or value


def with_arithmetic(model: Model, assigner: Assigner, context: Context) -> Model:
    """The model in the arithmetic of its policy, `float` where that names none."""
    arithmetic = Arithmetic(assigner.word("arithmetic") or Arithmetic.FLOAT)
    functions = Functions(assigner.word("functions") or Functions.TABLE)
    match arithmetic:
        case Arithmetic.INTEGER:
            _refuse_roundings(model, assigner, context)
            return replace(model, arithmetic=arithmetic, functions=functions)
        case Arithmetic.PAPER:
            return _paper(model, assigner, context)
        case Arithmetic.FLOAT:
            return model


# ---- paper -------------------------------------------------------------------------------------


def _paper(model: Model, assigner: Assigner, context: Context) -> Model:
    """Every rounding of the paper that no rule gives otherwise; sums of residuals stay floats."""
    wanted = dict.fromkeys(
        found
        for graph in graphs(model)
        for flat in graph.nodes
        for found in _rounded(flat, context)
    )
    found: dict[str, dict[str, Activations]] = {}
    for property, path in wanted:
        if assigner.claims.winner(property, path) is None:
            found.setdefault(property, {})[path] = BYTE
    roundings = {p: {**paths, **found.pop(p, {})} for p, paths in model.roundings.items()}
    activations = {**model.activations, **found.pop("activations", {})}
    states = {**model.states, **found.pop("state", {})}
    roundings.update(found)
    return replace(model, activations=activations, states=states, roundings=roundings)


def _rounded(flat: FlatNode, context: Context) -> Iterator[Rounding]:
    operation, path = flat.node.op, flat.value
    if isinstance(operation, _LAYERS):
        if not isinstance(operation, op.Embedding | op.LayerNorm):
            yield "activations", path
        yield "output", path
    match operation:
        case op.Lstm() | op.Gru():
            yield "state", path
        case op.LayerNorm():
            yield from ((part, path) for part in NORM_PARTS)
        case op.Einsum() | op.Softmax() if not flat.node.name:
            what = "product" if isinstance(operation, op.Einsum) else "softmax"
            message = f"a {what} without a name is not rounded"
            help = "give it a name: its ranges are stored under that"
            context.report(error("Q325", message, flat.node.span, help=help))
        case op.Einsum():
            yield "matmul", path
        case op.Softmax():
            yield from ((part, path) for part in (*SOFTMAX_PARTS, "softmax"))
        case op.Unary() | op.Glu() if flat.node.name and flat.ends:
            yield "output", path
        case _:
            pass


# ---- integer -----------------------------------------------------------------------------------


def _refuse_roundings(model: Model, assigner: Assigner, context: Context) -> None:
    """Every value has its format already."""
    given: Mapping[str, Mapping[str, Activations]] = {
        "activations": model.activations,
        "state": model.states,
        **model.roundings,
    }
    reported = set()
    for property in (*LAYER_PROPERTIES, *VALUE_PROPERTIES):
        for path in given.get(property, ()):
            claim = assigner.claims.winner(property, path)
            if claim is None or id(claim.property) in reported:
                continue
            reported.add(id(claim.property))
            message = f"`{property}` is not a choice in integer arithmetic"
            help = "leave it out: every value is rounded to int16, operands of products to int8"
            context.report(error("Q324", message, claim.property.name.span, help=help))
