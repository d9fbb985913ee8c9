"""Elaborates functions: symbolic execution of a body into operations, once per input types."""

from collections import ChainMap
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field, replace

from qdsl.ir.builder import Builder, Value
from qdsl.ir.infer_shape import ShapeError
from qdsl.ir.layer import Layer
from qdsl.ir.model import Body, TensorType, join
from qdsl.ir.shape import Dim
from qdsl.record import record
from qdsl.sema.context import Context, Stop
from qdsl.sema.describe import describe, shape_message
from qdsl.sema.language import layer_functions, layer_results
from qdsl.sema.limits import ELEMENT, MAX_OPERATIONS
from qdsl.sema.metered_builder import MeteredBuilder
from qdsl.sema.scope import FileScope
from qdsl.sema.structure import (
    Arguments,
    Structure,
    flatten_value,
    rebuild,
    structure_of,
    with_inputs,
)
from qdsl.sema.values import BlockValue, LayerKind, Repeated, Unit, Val
from qdsl.source import Span
from qdsl.syntax import tree


@dataclass(frozen=True, slots=True, eq=False)
class Elaborated:
    """A body and the structure of its results."""

    body: Body
    types: tuple[TensorType, ...]  # of the body's outputs
    results: Structure


@dataclass(eq=False)
class Elaborator:
    """Makes bodies, each distinct one once; `formulas` are those of `len` (see `dims`)."""

    context: Context
    evaluator_of: Callable[["FunctionFrame"], "FunctionRunner"]
    made: MutableMapping[object, Elaborated | None] = field(default_factory=dict)
    formulas: dict[object, Dim | None] = field(default_factory=dict)

    def call(
        self, b: Builder, unit: Unit | Repeated, path: str, function: str, arguments: Arguments
    ) -> Val:
        """Emits the call and gives its results; raises Stop after reporting."""
        if isinstance(unit, Repeated):
            return self._repeat(b, unit, path, function, arguments)
        what = f"in this call of `{_called(path, function)}`"
        made = self.body(unit, function, arguments, what, b.span)
        return _invoke(b, made, path, arguments)

    def body(
        self, unit: Unit, function: str, arguments: Arguments, what: str, span: Span
    ) -> Elaborated:
        """The body of a function for these input types, made once.

        `what` tells of the call at `span` where something is wrong inside.
        """
        key = (unit, function, arguments.structure())
        made = self.made.get(key)
        if made is None:
            if key in self.made:
                raise Stop
            self.made[key] = None  # stays None when it fails, which is reported once
            with self.context.within(span, what):
                made = self.made[key] = self._make(unit, function, arguments, span)
        return made

    def trial(self) -> "Elaborator":
        """One that knows the bodies made, and keeps what it makes to itself."""
        return replace(self, made=ChainMap({}, self.made))

    # ---- repeat ------------------------------------------------------------------------------

    def _repeat(
        self, b: Builder, repeated: Repeated, path: str, function: str, arguments: Arguments
    ) -> Val:
        """Threads the first argument; collects what elements return beside it."""
        self._check_each(repeated, arguments, b.span)
        threaded = arguments.positional[0]
        collected: list[list[Val]] = []
        if not repeated.units:
            collected = [[] for _ in range(others_of(repeated, function))]
        unit, made = None, None
        for i, following in enumerate(repeated.units):
            self.context.tick(b.span, ELEMENT)
            given = _element(arguments, threaded, i)
            if made is None or following is not unit or arguments.each:
                what = f"in this call of `{_called(f'{path}[{i}]', function)}`"
                unit, made = following, self.body(following, function, given, what, b.span)
                self._check_threaded(path, threaded, made.results, b.span)
            result = _invoke(b, made, f"{path}[{i}]", given)
            threaded, *others = result if isinstance(result, tuple) else (result,)
            collected = collected or [[] for _ in others]
            for values, value in zip(collected, others, strict=True):
                values.append(value)
        return (threaded, *(tuple(values) for values in collected)) if collected else threaded

    def _check_each(self, repeated: Repeated, arguments: Arguments, span: Span) -> None:
        if not arguments.positional or 0 in arguments.each:
            message = "the first argument of a `repeat` is threaded through its elements"
            help = "give it first, without a name and without `each`"
            raise self.context.stop("Q209", message, arguments.spans.get(0, span), help=help)
        named = dict(arguments.named)
        for key in arguments.each:
            value = arguments.positional[key] if isinstance(key, int) else named[key]
            count = len(repeated.units)
            if not isinstance(value, tuple) or len(value) != count:
                message = f"`each` takes an array of {count}, given {describe(value)}"
                raise self.context.stop("Q209", message, arguments.spans.get(key, span))

    def _check_threaded(self, path: str, threaded: Val, results: Structure, span: Span) -> None:
        first = results[0] if isinstance(results, tuple) else results
        if first != structure_of(threaded):
            message = f"an element of `{path}` takes {describe(threaded)}, gives `{first}`"
            help = "the first input and the first result of a repeated block have one shape"
            raise self.context.stop("Q209", message, span, help=help)

    # ---- bodies ------------------------------------------------------------------------------

    def _make(self, unit: Unit, function: str, arguments: Arguments, span: Span) -> Elaborated:
        b = MeteredBuilder(function, shapes_of(unit), self.context)
        given = with_inputs(b, arguments)
        b.span = span
        match unit.definition:
            case Layer() as layer:
                result = self._layer(b, layer, function, given, span)
            case BlockValue(definition, scope):
                declared = find_function(definition, function)
                frame = FunctionFrame(self, b, unit, declared, scope)
                result = self.evaluator_of(frame).run(given)
        outputs: list[Value] = []
        flatten_value(result, outputs)
        body = b.finish(outputs)
        if body.size > MAX_OPERATIONS:
            message = f"`{function}` unrolls to more than {MAX_OPERATIONS:,} operations"
            raise self.context.stop("Q208", message, span, at_call=True)
        return Elaborated(body, tuple(v.type for v in outputs), structure_of(result))

    def _layer(self, b: Builder, layer: Layer, function: str, given: Arguments, span: Span) -> Val:
        kind, names = type(layer).__name__, layer_functions(type(layer))[function]
        named = dict(given.named)
        rest = names[len(given.positional) :]
        if len(given.positional) > len(names) or set(named) != set(rest):
            message = f"`{kind}` takes {', '.join(f'`{n}`' for n in names)}"
            raise self.context.stop("Q205", message, span, at_call=True)
        inputs = [*given.positional, *(named[n] for n in rest)]
        for name, value in zip(names, inputs, strict=True):
            if not isinstance(value, Value):
                message = f"`{name}` of `{kind}` is a tensor, given {describe(value)}"
                raise self.context.stop("Q201", message, span, at_call=True)
        try:
            return layer.functions()[function](layer, b, *inputs)  # type: ignore[operator, no-any-return]
        except ShapeError as wrong:
            message = shape_message(kind, wrong)
            raise self.context.stop("Q210", message, span, at_call=True) from None


@record
class FunctionFrame:
    """One function of a block while it is elaborated."""

    elaborator: Elaborator
    builder: Builder
    unit: Unit
    function: tree.Function
    scope: FileScope


class FunctionRunner:
    """Runs the body of a function (see `body.FunctionEvaluator`)."""

    def run(self, arguments: Arguments) -> Val:
        raise NotImplementedError


def find_function(block: tree.Block, name: str) -> tree.Function:
    """The function of that name; callers have checked that there is one."""
    return next(m for m in block.members if isinstance(m, tree.Function) and m.name.text == name)


def functions_of(of: Unit | BlockValue | LayerKind) -> Sequence[str]:
    """Names of the functions of a block or layer, in order."""
    match of:
        case Unit(definition=Layer() as layer):
            return list(layer_functions(type(layer)))
        case LayerKind(layer=kind):
            return list(layer_functions(kind))
        case Unit(definition=BlockValue(definition=block)) | BlockValue(definition=block):
            return [m.name.text for m in block.members if isinstance(m, tree.Function)]
        case _:
            raise TypeError(of)


def others_of(repeated: Repeated, function: str) -> int:
    """How many results an element gives beside the threaded one, as far as the text tells."""
    match repeated.element:
        case BlockValue(definition=block) if function in functions_of(repeated.element):
            declared = find_function(block, function)
            if declared.results is not None:
                return len(declared.results) - 1
            last = declared.body[-1] if declared.body else None
            return len(last.values) - 1 if isinstance(last, tree.Return) else 0
        case LayerKind(layer=kind) if function in layer_functions(kind):
            return layer_results(kind, function) - 1
        case _:
            return 0


def shapes_of(unit: Unit) -> dict[str, tuple[int, ...]]:
    return {p.name: p.shape for p in unit.module.parameters}


def _called(path: str, function: str) -> str:
    """What a spec writes before the arguments: a member for its `forward`."""
    return path if function == "forward" and path else join(path, function)


def _element(arguments: Arguments, threaded: Val, i: int) -> Arguments:
    """The arguments of element i."""
    if not arguments.each:
        positional = (threaded, *arguments.positional[1:])
        return Arguments(positional, arguments.named, spans=arguments.spans)
    each = arguments.each
    rest = [v[i] if k in each else v for k, v in enumerate(arguments.positional)][1:]  # type: ignore[index]
    named = tuple((n, v[i] if n in each else v) for n, v in arguments.named)  # type: ignore[index]
    return Arguments((threaded, *rest), named, spans=arguments.spans)


def _invoke(b: Builder, made: Elaborated, path: str, arguments: Arguments) -> Val:
    results = b.invoke(path, made.body, arguments.tensors(), made.types)
    return rebuild(made.results, iter(results))
