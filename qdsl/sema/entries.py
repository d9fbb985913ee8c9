"""Elaborates the entries of a model: the functions that are compiled and packed."""

from qdsl.ir.builder import Builder, Value
from qdsl.ir.model import Entry, EntryInput, TensorType
from qdsl.sema.body import FunctionEvaluator
from qdsl.sema.context import Context, Stop
from qdsl.sema.elaborate import Arguments, Elaborator, FunctionFrame
from qdsl.sema.values import BlockValue, Unit, Val
from qdsl.syntax import tree


def entries_of(root: Unit, context: Context) -> tuple[Entry, ...]:
    """Every entry of the model that elaborates; the others are reported."""
    assert isinstance(root.definition, BlockValue)
    elaborator = Elaborator(context, FunctionEvaluator)
    found: list[Entry] = []
    for member in root.definition.definition.members:
        if isinstance(member, tree.Function) and member.kind != "fn":
            try:
                found.append(_entry(elaborator, root, member))
            except Stop:
                continue
    return tuple(found)


def _entry(elaborator: Elaborator, root: Unit, function: tree.Function) -> Entry:
    assert isinstance(root.definition, BlockValue)
    b = Builder(function.name.text, {p.name: p.shape for p in root.module.parameters})
    frame = FunctionFrame(elaborator, b, root, function, root.definition.scope)
    evaluator = FunctionEvaluator(frame)
    inputs: list[EntryInput] = []
    given = tuple(_input(evaluator, i, i.name.text, i.type, inputs) for i in function.inputs)
    b.span = function.name.span
    made = elaborator.body(root, function.name.text, Arguments(given, ()), "", function.name.span)
    return Entry(function.name.text, tuple(inputs), made.types, made.body)


def _input(
    evaluator: FunctionEvaluator,
    declared: tree.Input,
    name: str,
    type: tree.Type,
    inputs: list[EntryInput],
) -> Val:
    """The value of an input; an array has one input per element, `caches[0]`."""
    if isinstance(type, tree.ArrayType):
        count = evaluator.integer(type.count)
        elements = [
            _input(evaluator, declared, f"{name}[{i}]", type.element, inputs) for i in range(count)
        ]
        return tuple(elements)
    zeros = _starts_with_zeros(evaluator, declared)
    tensor: TensorType = evaluator.signature.declared(type)
    inputs.append(EntryInput(name, tensor, zeros))
    return Value(len(inputs) - 1, tensor)


def _starts_with_zeros(evaluator: FunctionEvaluator, declared: tree.Input) -> bool:
    match declared.default:
        case None:
            return False
        case tree.Name(text="zeros"):
            return True
        case other:
            message = "an entry's input is always present"
            help = "state starts with `= zeros`; optional inputs are for functions of blocks"
            raise evaluator.context.stop("Q216", message, other.span, help=help)
