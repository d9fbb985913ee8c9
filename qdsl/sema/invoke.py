"""Calls a function of a member: its arguments evaluated, with what `|>` puts before them."""

from typing import TYPE_CHECKING

from qdsl.sema.arguments import check_order
from qdsl.sema.elaborate import functions_of
from qdsl.sema.structure import Arguments
from qdsl.sema.values import Repeated, Unit, Val
from qdsl.source import Span
from qdsl.syntax import tree

if TYPE_CHECKING:
    from qdsl.sema.body import FunctionEvaluator


def invoke(
    evaluator: "FunctionEvaluator",
    unit: Unit | Repeated,
    path: str,
    function: str,
    e: tree.Call,
    first: tuple[Val, ...],
) -> Val:
    """The results of the call; raises Stop after reporting."""
    _check_function(evaluator, unit, function, e)
    arguments = _arguments(evaluator, e, first)
    if arguments.each and isinstance(unit, Unit):
        message = f"`each` without a `repeat`: `{path or function}` is one `{unit.kind}`"
        span = arguments.spans[next(iter(arguments.each))]
        raise evaluator.context.stop("Q209", message, span)
    b = evaluator.frame.builder
    b.span = e.span
    return evaluator.frame.elaborator.call(b, unit, path, function, arguments)


def _check_function(
    evaluator: "FunctionEvaluator", unit: Unit | Repeated, function: str, e: tree.Call
) -> None:
    """Calling a member calls its `forward`, which it may not have."""
    of = unit.element if isinstance(unit, Repeated) else unit
    if of is None or function in (known := functions_of(of)):
        return
    kind = unit.kind if isinstance(unit, Unit) else e.callee.span.text
    help = f"it has {', '.join(f'`{n}`' for n in known)}" if known else None
    message = f"`{kind}` has no `{function}`"
    raise evaluator.context.stop("Q101", message, e.callee.span, help=help)


def _arguments(evaluator: "FunctionEvaluator", e: tree.Call, first: tuple[Val, ...]) -> Arguments:
    positional: list[Val] = [*first]
    named: dict[str, Val] = {}
    each: set[int | str] = set()
    spans: dict[int | str, Span] = {i: e.callee.span for i in range(len(first))}
    for argument in e.arguments:
        key: int | str = argument.name.text if argument.name else len(positional)
        value = evaluator.value(argument.value)
        spans[key] = argument.span
        if argument.each:
            each.add(key)
        if argument.name is None:
            check_order(named, argument, evaluator.context)
            positional.append(value)
        elif argument.name.text in named:
            message = f"`{argument.name.text}` is given twice"
            raise evaluator.context.stop("Q205", message, argument.name.span)
        else:
            named[argument.name.text] = value
    return Arguments(tuple(positional), tuple(named.items()), frozenset(each), spans)
