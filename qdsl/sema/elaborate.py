"""Elaborates functions: symbolic execution of a body into operations, once per input types."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from qdsl.ir.builder import Builder, Value
from qdsl.ir.infer_shape import ShapeError
from qdsl.ir.layer import Layer
from qdsl.ir.model import Body, TensorType
from qdsl.sema.context import MAX_STEPS, Context, Stop
from qdsl.sema.scope import FileScope
from qdsl.sema.values import BlockValue, Repeated, Unit, Val, describe
from qdsl.source import Span
from qdsl.syntax import tree

# what a value is before its numbers: a tensor type, a tuple of them, or a static value
Structure = object


@dataclass(frozen=True, slots=True, eq=False)
class Elaborated:
    """A body and the structure of its results."""

    body: Body
    types: tuple[TensorType, ...]  # of the body's outputs
    results: Structure


@dataclass(frozen=True, slots=True)
class Arguments:
    """Arguments of a call: tensors, arrays of tensors, `none`."""

    positional: tuple[Val, ...]
    named: tuple[tuple[str, Val], ...]
    each: frozenset[int | str] = frozenset()  # which are taken element by element
    spans: tuple[Span, ...] = ()

    def tensors(self) -> list[Value]:
        found: list[Value] = []
        for value in (*self.positional, *(v for _, v in self.named)):
            flatten_value(value, found)
        return found

    def structure(self) -> Structure:
        named = tuple((n, structure_of(v)) for n, v in self.named)
        return tuple(structure_of(v) for v in self.positional), named


@dataclass(eq=False)
class Elaborator:
    """Makes bodies, each distinct one once."""

    context: Context
    evaluator_of: Callable[["FunctionFrame"], "FunctionRunner"]
    made: dict[object, Elaborated | None] = field(default_factory=dict)

    def call(
        self, b: Builder, unit: Unit | Repeated, path: str, function: str, arguments: Arguments
    ) -> Val:
        """Emits the call and gives its results; raises Stop after reporting."""
        if isinstance(unit, Repeated):
            return self._repeat(b, unit, path, function, arguments)
        return self._invoke(b, unit, path, function, arguments)

    def _invoke(
        self, b: Builder, unit: Unit, path: str, function: str, arguments: Arguments
    ) -> Val:
        made = self.body(unit, function, arguments, path, b.span)
        results = b.invoke(path, made.body, arguments.tensors(), made.types)
        return rebuild(made.results, list(results))

    def _repeat(
        self, b: Builder, repeated: Repeated, path: str, function: str, arguments: Arguments
    ) -> Val:
        """Threads the first argument; collects what elements return beside it."""
        if not arguments.positional:
            message = f"`{path}` takes what it threads as its first argument"
            raise self.context.stop("Q205", message, b.span)
        threaded = arguments.positional[0]
        collected: list[list[Val]] = []
        for i, unit in enumerate(repeated.units):
            element = self._element(arguments, threaded, i, len(repeated.units), b.span)
            result = self._invoke(b, unit, f"{path}[{i}]", function, element)
            first, *others = result if isinstance(result, tuple) else (result,)
            if structure_of(first) != structure_of(threaded):
                message = f"an element of `{path}` takes {describe(threaded)}, gives {describe(first)}"
                help = "the first input and the first result of a repeated block have one shape"
                raise self.context.stop("Q209", message, b.span, help=help)
            collected = collected or [[] for _ in others]
            for values, value in zip(collected, others, strict=True):
                values.append(value)
            threaded = first
        if not collected:
            return threaded
        return (threaded, *(tuple(values) for values in collected))

    def _element(
        self, arguments: Arguments, threaded: Val, i: int, count: int, span: Span
    ) -> Arguments:
        def pick(key: int | str, value: Val) -> Val:
            if key not in arguments.each:
                return value
            if not isinstance(value, tuple) or len(value) != count:
                message = f"`each` takes an array of {count}, given {describe(value)}"
                raise self.context.stop("Q209", message, span)
            return value[i]

        positional = [pick(k, v) for k, v in enumerate(arguments.positional)][1:]
        named = tuple((n, pick(n, v)) for n, v in arguments.named)
        return Arguments((threaded, *positional), named, spans=arguments.spans)

    def body(
        self, unit: Unit, function: str, arguments: Arguments, path: str, span: Span
    ) -> Elaborated:
        """The body of a function for these input types, made once."""
        key = (id(unit), function, arguments.structure())
        if key not in self.made:
            self.made[key] = None  # stays None when it fails, which is reported once
            with self.context.calling(span, f"`{path}`" if path else f"`{function}`"):
                self.made[key] = self._make(unit, function, arguments, span)
        made = self.made[key]
        if made is None:
            raise Stop
        return made

    def _make(self, unit: Unit, function: str, arguments: Arguments, span: Span) -> Elaborated:
        shapes = {p.name: p.shape for p in unit.module.parameters}
        b = Builder(function, shapes)
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
        if body.size > MAX_STEPS:
            message = f"`{function}` unrolls to more than {MAX_STEPS} operations"
            raise self.context.stop("Q208", message, span)
        return Elaborated(body, tuple(v.type for v in outputs), structure_of(result))

    def _layer(
        self, b: Builder, layer: Layer, function: str, given: Arguments, span: Span
    ) -> Val:
        apply = layer.functions()[function]
        try:
            return apply(layer, b, *given.positional, **dict(given.named))  # type: ignore[operator, no-any-return]
        except ShapeError as wrong:
            message = f"`{type(layer).__name__}` {wrong}"
            raise self.context.stop("Q210", message, span) from None
        except (TypeError, AttributeError):
            message = f"`{type(layer).__name__}.{function}` does not take these arguments"
            raise self.context.stop("Q205", message, span) from None


@dataclass(frozen=True, slots=True)
class FunctionFrame:
    """One function of a block while it is elaborated."""

    elaborator: Elaborator
    builder: Builder
    unit: Unit
    function: tree.Function
    scope: FileScope

    def shadow(self) -> "FunctionFrame":
        """The same function over a builder whose body nobody keeps."""
        shapes = {p.name: p.shape for p in self.unit.module.parameters}
        return replace(self, builder=Builder(self.function.name.text, shapes))


class FunctionRunner:
    """Runs the body of a function (see `body.FunctionEvaluator`)."""

    def run(self, arguments: Arguments) -> Val:
        raise NotImplementedError


def find_function(block: tree.Block, name: str) -> tree.Function:
    """The function of that name; callers have checked that there is one."""
    return next(m for m in block.members if isinstance(m, tree.Function) and m.name.text == name)


def functions_of(unit: Unit) -> Sequence[str]:
    match unit.definition:
        case BlockValue(definition, _):
            return [m.name.text for m in definition.members if isinstance(m, tree.Function)]
        case Layer() as layer:
            return list(layer.functions())


def with_inputs(b: Builder, arguments: Arguments) -> Arguments:
    """The arguments with their tensors as inputs of a new body."""

    def inside(value: Val) -> Val:
        if isinstance(value, Value):
            return b.input(value.type)
        if isinstance(value, tuple):
            return tuple(inside(v) for v in value)
        return value

    positional = tuple(inside(v) for v in arguments.positional)
    named = tuple((n, inside(v)) for n, v in arguments.named)
    return Arguments(positional, named, arguments.each, arguments.spans)


def flatten_value(value: Val, into: list[Value]) -> None:
    """The tensors of a value, in order."""
    if isinstance(value, Value):
        into.append(value)
    elif isinstance(value, tuple):
        for v in value:
            flatten_value(v, into)


def structure_of(value: Val) -> Structure:
    if isinstance(value, Value):
        return value.type
    if isinstance(value, tuple):
        return tuple(structure_of(v) for v in value)
    return value


def rebuild(structure: Structure, values: list[Value]) -> Val:
    """The value of that structure; takes its tensors from the front of `values`."""
    if isinstance(structure, TensorType):
        return values.pop(0)
    if isinstance(structure, tuple):
        return tuple(rebuild(s, values) for s in structure)
    return structure  # type: ignore[return-value]
