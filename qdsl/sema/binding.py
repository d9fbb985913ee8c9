"""Binds the inputs of a function to the arguments of a call, and checks what it returns."""

from typing import TYPE_CHECKING

from qdsl.diagnostic.suggest import suggestion
from qdsl.sema.context import Stop
from qdsl.sema.describe import describe
from qdsl.sema.structure import Arguments, is_tensors
from qdsl.sema.values import Val
from qdsl.source import Span
from qdsl.syntax import tree

if TYPE_CHECKING:
    from qdsl.sema.body import FunctionEvaluator


def bind_inputs(evaluator: "FunctionEvaluator", arguments: Arguments) -> dict[str, Val]:
    """Inputs by name, their types matched and the dims of the signature bound."""
    function, context = evaluator.frame.function, evaluator.context
    names = [i.name.text for i in function.inputs]
    what, call = _called(evaluator), evaluator.frame.builder.span
    if len(arguments.positional) > len(names):
        message, label = f"too many arguments for `{what}`", "not taken"
        span = arguments.spans.get(len(names), call)
        known = f"it takes {', '.join(f'`{n}`' for n in names)}" if names else "it takes none"
        raise context.stop("Q205", message, span, label, help=known, at_call=True)
    bound = dict(zip(names, arguments.positional, strict=False))
    places = {n: arguments.spans.get(i, call) for i, n in enumerate(names)}
    for name, value in arguments.named:
        places[name] = span = arguments.spans.get(name, call)
        if name in bound:
            raise context.stop("Q205", f"`{name}` is given twice", span, at_call=True)
        if name not in names:
            help = suggestion(name, names)
            message = f"`{what}` has no input `{name}`"
            raise context.stop("Q204", message, span, "unknown", help=help, at_call=True)
        bound[name] = value
    return {
        i.name.text: _input(evaluator, i, bound, places.get(i.name.text, call))
        for i in function.inputs
    }


def _input(
    evaluator: "FunctionEvaluator", declared: tree.Input, bound: dict[str, Val], span: Span
) -> Val:
    """The value of one input, `none` where an optional one is left out."""
    context, name = evaluator.context, declared.name.text
    place = [(declared.span, "declared here")]
    value = bound.get(name)
    if value is None:
        if declared.default is None:
            message = f"`{_called(evaluator)}` is missing `{name}`"
            if name in bound:
                message = f"`{name}` may not be `none`"
            call = span if name in bound else evaluator.frame.builder.span
            raise context.stop("Q205", message, call, secondary=place, at_call=True)
        return None

    def fail(why: str) -> Stop:
        return context.stop("Q210", f"`{name}`: {why}", span, secondary=place, at_call=True)

    evaluator.signature.match(declared.type, value, fail)
    return value


def _called(evaluator: "FunctionEvaluator") -> str:
    """What the caller named: a block for its `forward`, else a function of it."""
    kind, function = evaluator.frame.unit.kind, evaluator.frame.function.name.text
    return kind if function == "forward" else f"{kind}.{function}"


def check_results(evaluator: "FunctionEvaluator", values: tuple[Val, ...], span: Span) -> Val:
    """What a function returns, matched with the types it declares."""
    function, context = evaluator.frame.function, evaluator.context
    for value in values:
        if not is_tensors(value):
            message = f"expected a tensor to return, found {describe(value)}"
            raise context.stop("Q201", message, span)
    declared = function.results
    if declared is not None:
        if len(declared) != len(values):
            results = "result" if len(values) == 1 else "results"
            message = f"returns {len(values)} {results}, declares {len(declared)}"
            place = [(declared[0].span.to(declared[-1].span), "declared here")]
            raise context.stop("Q211", message, span, secondary=place)
        for type, value in zip(declared, values, strict=True):
            _match_result(evaluator, type, value, span)
    return values[0] if len(values) == 1 else values


def _match_result(evaluator: "FunctionEvaluator", type: tree.Type, value: Val, span: Span) -> None:
    place = [(type.span, "declared here")]

    def fail(why: str) -> Stop:
        return evaluator.context.stop("Q210", f"result: {why}", span, secondary=place)

    evaluator.signature.match(type, value, fail)
