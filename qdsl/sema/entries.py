"""Elaborates the entries of a model: the functions that are compiled and packed."""

from qdsl.ir.model import Entry, EntryInput
from qdsl.sema.body import FunctionEvaluator
from qdsl.sema.context import Stop
from qdsl.sema.elaborate import Elaborator, FunctionFrame, shapes_of
from qdsl.sema.limits import MAX_ARRAY
from qdsl.sema.metered_builder import MeteredBuilder
from qdsl.sema.structure import Arguments
from qdsl.sema.values import BlockValue, Unit, Val
from qdsl.syntax import tree


def entries_of(root: Unit, elaborator: Elaborator) -> tuple[Entry, ...]:
    """Every entry of the model that elaborates; the others are reported."""
    assert isinstance(root.definition, BlockValue)
    found: list[Entry] = []
    for member in root.definition.definition.members:
        if isinstance(member, tree.Function) and member.kind != "fn":
            try:
                found.append(_entry(elaborator, root, member))
            except Stop:
                assert elaborator.context.failed, "stopped without a finding"
    return tuple(found)


def _entry(elaborator: Elaborator, root: Unit, function: tree.Function) -> Entry:
    assert isinstance(root.definition, BlockValue)
    name = function.name.text
    b = MeteredBuilder(name, shapes_of(root), elaborator.context)
    frame = FunctionFrame(elaborator, b, root, function, root.definition.scope)
    evaluator = FunctionEvaluator(frame)
    inputs: list[EntryInput] = []
    given = [
        _input(evaluator, i.name.text, i.type, i.default is not None, inputs)
        for i in function.inputs
    ]
    span = function.name.span
    # an entry is called by nobody: the chain of calls begins inside it
    made = elaborator.body(root, name, Arguments(tuple(given)), "", span)
    return Entry(name, tuple(inputs), made.types, made.body)


def _input(
    evaluator: FunctionEvaluator,
    name: str,
    type: tree.Type,
    zeros: bool,
    inputs: list[EntryInput],
) -> Val:
    """The value of an input; an array has one input per element, `caches[0]`."""
    if isinstance(type, tree.ArrayType):
        count = evaluator.integer(type.count)
        if not 0 <= count <= MAX_ARRAY - len(inputs):
            message = f"array of {count:,} inputs"
            help = f"an entry takes at most {MAX_ARRAY:,} inputs"
            raise evaluator.context.stop("Q208", message, type.count.span, help=help)
        return tuple(
            _input(evaluator, f"{name}[{i}]", type.element, zeros, inputs) for i in range(count)
        )
    tensor = evaluator.signature.declared(type)
    inputs.append(EntryInput(name, tensor, zeros))
    return evaluator.frame.builder.input(tensor)
