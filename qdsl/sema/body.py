"""Runs the statements of a function: names, calls, loops and returns over symbolic tensors."""

from qdsl.diagnostic.suggest import suggestion
from qdsl.ir import op
from qdsl.ir.builder import Value
from qdsl.ir.infer_shape import ShapeError
from qdsl.ir.shape import Dim, dim
from qdsl.sema.calls import apply_function, length_of, transpose
from qdsl.sema.context import MAX_REPEAT, Stop
from qdsl.sema.elaborate import (
    Arguments,
    FunctionFrame,
    FunctionRunner,
    functions_of,
)
from qdsl.sema.functions.operand import operand
from qdsl.sema.members import MemberEvaluator, element_of, member_of
from qdsl.sema.signature import Signature, dim_names
from qdsl.sema.subscripts import index_tensor
from qdsl.sema.values import (
    BoundFunction,
    FunctionName,
    MemberValue,
    ParameterValue,
    Poison,
    Repeated,
    Unit,
    Val,
    describe,
)
from qdsl.source import Span
from qdsl.syntax import tree

OPERATORS = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "div",
    "//": "floordiv",
    "%": "mod",
    "==": "eq",
    "!=": "ne",
    "<": "lt",
    "<=": "le",
    ">": "gt",
    ">=": "ge",
    "and": "and",
    "or": "or",
}


class FunctionEvaluator(MemberEvaluator, FunctionRunner):
    """Evaluates one function; tensors are Values of the frame's builder."""

    def __init__(self, frame: FunctionFrame) -> None:
        units = frame.unit.names
        instantiate = self._no_instances
        super().__init__(frame.elaborator.context, frame.scope, dict(units), instantiate)
        self.frame = frame
        self.locals: dict[str, Val] = {}
        self.dims: dict[str, Dim] = {}
        self.signature = Signature(self.context, self.dims, self.value)
        self.result_dims = dim_names(frame.function.results or ())

    # ---- the function ------------------------------------------------------------------------

    def run(self, arguments: Arguments) -> Val:
        """Binds the inputs, runs the body, checks the results."""
        self._bind(arguments)
        result = self._statements(self.frame.function.body)
        if result is None:
            message = f"`{self.frame.function.name.text}` returns nothing"
            help = "end it with `return`"
            raise self.context.stop("Q211", message, self.frame.function.name.span, help=help)
        return self._checked(*result)

    def _bind(self, arguments: Arguments) -> None:
        function = self.frame.function
        inputs = {i.name.text: i for i in function.inputs}
        call = self.frame.builder.span
        if len(arguments.positional) > len(inputs):
            given = f"given {len(arguments.positional)}"
            message = f"`{function.name.text}` takes {len(inputs)} inputs, {given}"
            raise self.context.stop("Q205", message, call)
        bound = dict(zip(inputs, arguments.positional, strict=False))
        for name, value in arguments.named:
            if name not in inputs or name in bound:
                message = f"`{function.name.text}` has no input `{name}`"
                if name in bound:
                    message = f"`{name}` is given twice"
                raise self.context.stop("Q204", message, call, help=suggestion(name, inputs))
            bound[name] = value
        for name, declared in inputs.items():
            self._input(declared, bound.get(name), name in bound, call)

    def _input(self, declared: tree.Input, value: Val, given: bool, call: Span) -> None:
        name = declared.name.text
        if name in self.environment:
            message = f"input `{name}` takes the name of a member"
            raise self.context.stop("Q103", message, declared.name.span)
        place = [(declared.span, "declared here")]
        if value is None:
            if declared.default is None:
                message = f"`{self.frame.function.name.text}` is missing `{name}`"
                if given:
                    message = f"`{name}` may not be `none`"
                raise self.context.stop("Q205", message, call, secondary=place)
        else:
            self.signature.match(
                declared.type,
                value,
                lambda why: self.context.stop(
                    "Q210", f"`{name}`: {why}", call, "called here", secondary=place
                ),
            )
        self.locals[name] = value

    def _checked(self, values: tuple[Val, ...], span: Span) -> Val:
        declared = self.frame.function.results
        if declared is not None:
            if len(declared) != len(values):
                message = f"returns {len(values)} values, declared {len(declared)}"
                place = [(self.frame.function.name.span, "declared here")]
                raise self.context.stop("Q211", message, span, secondary=place)
            for type, value in zip(declared, values, strict=True):
                place = [(type.span, "declared here")]

                def fail(why: str, place: list[tuple[Span, str]] = place) -> Stop:
                    return self.context.stop("Q210", f"result: {why}", span, secondary=place)

                self.signature.match(type, value, fail)
        return values[0] if len(values) == 1 else values

    # ---- statements --------------------------------------------------------------------------

    def _statements(self, body: tuple[tree.Statement, ...]) -> tuple[tuple[Val, ...], Span] | None:
        failed = False
        for statement in body:
            self.context.tick(statement.span)
            try:
                match statement:
                    case tree.Assign():
                        self._assign(statement)
                    case tree.For():
                        self._for(statement)
                    case tree.Return(values=values, span=span):
                        results = tuple(self.value(v) for v in values)
                        if failed or any(isinstance(r, Poison) for r in results):
                            raise Stop
                        return results, span
            except Stop:
                failed = True
                self._poison(statement)
        if failed:
            raise Stop
        return None

    def _poison(self, statement: tree.Statement) -> None:
        """Names a failed statement would have bound: uses of them are not reported again."""
        match statement:
            case tree.Assign(targets=targets):
                self.locals.update({t.text: Poison() for t in targets})
            case tree.For(body=body):
                for inner in body:
                    self._poison(inner)
            case tree.Return():
                raise Stop

    def _assign(self, statement: tree.Assign) -> None:
        targets = statement.targets
        self.frame.builder.name = f"{self.frame.function.name.text}.{targets[0].text}"
        value = self.value(statement.value)
        self.frame.builder.name = ""
        values: tuple[Val, ...] = (value,)
        if len(targets) > 1:
            if isinstance(value, Poison):
                raise Stop
            if not isinstance(value, tuple) or len(value) != len(targets):
                message = f"{len(targets)} names for {describe(value)}"
                raise self.context.stop("Q212", message, statement.span)
            values = value
        for target, item in zip(targets, values, strict=True):
            if target.text == "_":
                continue
            if target.text in self.environment:
                message = f"`{target.text}` is a name of this block"
                help = "a local may not take the name of a member, parameter or function"
                raise self.context.stop("Q103", message, target.span, help=help)
            if target.text[:1].isupper():
                help = "dims start with a capital, values do not"
                message = f"value `{target.text}` starts with a capital"
                raise self.context.stop("Q103", message, target.span, help=help)
            self.locals[target.text] = item

    def _for(self, statement: tree.For) -> None:
        start, stop = statement.range.start, statement.range.stop
        if start is None or stop is None:
            raise self.context.stop("Q201", "`for` takes both ends", statement.range.span)
        first, last = self.integer(start), self.integer(stop)
        if last - first > MAX_REPEAT:
            message = f"`for` of {last - first} rounds"
            label = f"the limit is {MAX_REPEAT}"
            raise self.context.stop("Q208", message, statement.range.span, label)
        outside = {*self.locals}
        for i in range(first, last):
            self.locals[statement.index.text] = i
            if self._statements(statement.body) is not None:
                message = "`return` inside `for`"
                raise self.context.stop("Q211", message, statement.body[-1].span)
        # names first bound inside stay inside
        self.locals = {n: v for n, v in self.locals.items() if n in outside}

    def branch(self, e: tree.If) -> Val:
        branch = e.then if self.boolean(e.condition) else e.other
        outer = dict(self.locals)
        self._statements(branch.statements)
        values = tuple(self.value(v) for v in branch.values)
        self.locals = outer
        return values[0] if len(values) == 1 else values

    # ---- names and members -------------------------------------------------------------------

    def name(self, e: tree.Name) -> Val:
        if e.text in self.locals:
            value = self.locals[e.text]
            if isinstance(value, Poison):
                raise Stop
            return value
        if e.text in self.dims:
            return _dim_value(self.dims[e.text])
        if e.text in self.result_dims and (found := self._result_dim(e.text)) is not None:
            self.dims[e.text] = found
            return _dim_value(found)
        if e.text in functions_of(self.frame.unit):
            return self._own_function(e)
        value = self.environment.get(e.text)
        if isinstance(value, Poison):
            raise Stop
        if isinstance(value, ParameterValue):
            return self.emit(e.span, op.Read(), parameters=(value.name,))
        if e.text in self.environment and value is None:
            return None
        if e.text not in self.environment and not self.scope.find(e.text):
            self._check_known(e)
        return super().name(e)

    def _check_known(self, e: tree.Name) -> None:
        """A better suggestion than the file's names: locals and dims are near."""
        from qdsl.sema.static import language_name, language_names

        if language_name(e.text, e.span) is None:
            own = {*self.locals, *self.dims, *self.environment, *functions_of(self.frame.unit)}
            help = suggestion(e.text, {*own, *self.scope.entries, *language_names()})
            message = f"unknown name `{e.text}`"
            raise self.context.stop("Q101", message, e.span, "not found", help=help)

    def _own_function(self, e: tree.Name) -> BoundFunction:
        order = list(functions_of(self.frame.unit))
        if order.index(e.text) >= order.index(self.frame.function.name.text):
            message = f"`{e.text}` does not stand before `{self.frame.function.name.text}`"
            help = "a function calls earlier functions of its block, so that every file ends"
            raise self.context.stop("Q213", message, e.span, help=help)
        return BoundFunction(self.frame.unit, "", e.text)

    def _result_dim(self, name: str) -> Dim | None:
        """What a new dim of the results stands for: the first local that fits its result."""
        for type in self.frame.function.results or ():
            if not isinstance(type, tree.TensorType) or name not in dim_names((type,)):
                continue
            for value in self.locals.values():
                trial = Signature(self.context, dict(self.dims), self.value)
                if isinstance(value, Value) and len(value.type.shape) == len(type.dims):
                    if trial.mismatch(type, value.type) is None and name in trial.dims:
                        return trial.dims[name]
        return None

    def local_formula(self, e: tree.Name) -> Dim:
        """The dim in the names of this function's own inputs, whatever the caller's dims are."""
        actual = self.value(e)
        if not isinstance(actual, Dim):
            raise self.expected("a dim that depends on an input", actual, e.span)
        own = self.frame.function.inputs
        names = dim_names(tuple(i.type for i in own))
        if all(self.dims[n] == dim(n) for n in names if n in self.dims):
            return actual
        # elaborate once more with the inputs' dims left as names, and read the formula off
        shadow = FunctionEvaluator(self.frame.shadow())
        b = shadow.frame.builder
        given: list[Val] = []
        for declared in own:
            value = self.locals.get(declared.name.text)
            if isinstance(value, Value) and isinstance(declared.type, tree.TensorType):
                value = b.input(shadow.signature.declared(declared.type))
            given.append(value)
        shadow.run(Arguments(tuple(given), ()))
        return shadow.dims[e.text]

    def attribute(self, e: tree.Attribute) -> Val:
        value = self.value(e.value)
        if isinstance(value, MemberValue):
            sample = value.unit
            if isinstance(sample, Repeated):
                names = functions_of(sample.units[0]) if sample.units else [e.name.text]
            else:
                names = functions_of(sample)
            if e.name.text in names:
                return BoundFunction(value.unit, value.path, e.name.text)
            if isinstance(sample, Unit) and not isinstance(
                sample.names.get(e.name.text), Unit | Repeated
            ):
                known = [*names, *(n for n, v in sample.names.items() if isinstance(v, Unit))]
                message = f"`{sample.kind}` has no function or member `{e.name.text}`"
                help = suggestion(e.name.text, known)
                raise self.context.stop("Q101", message, e.name.span, help=help)
        return member_of(self, value, e)

    def subscript(self, e: tree.Subscript) -> Val:
        value = self.value(e.value)
        match value:
            case MemberValue():
                return element_of(self, value, e)
            case Value():
                return index_tensor(self, value, e)
            case _:
                return super().subscript(e)

    # ---- calls -------------------------------------------------------------------------------

    def call(self, e: tree.Call) -> Val:
        return self.apply(e, ())

    def pipe(self, e: tree.Pipe) -> Val:
        first = self.value(e.value)
        if isinstance(e.call, tree.Call):
            return self.apply(e.call, (first,))
        return self.apply(tree.Call(e.call, (), e.call.span), (first,))

    def apply(self, e: tree.Call, first: tuple[Val, ...]) -> Val:
        """A call, with what `|>` puts before its arguments."""
        if isinstance(e.callee, tree.Name) and e.callee.text not in self.locals:
            match e.callee.text:
                case "transpose":
                    return transpose(self, e, first)
                case "len":
                    return length_of(self, e, first)
        callee = self.value(e.callee)
        match callee:
            case FunctionName(name):
                return apply_function(self, name, e, first)
            case MemberValue(unit, path):
                return self._invoke(unit, path, "forward", e, first)
            case BoundFunction(unit, path, function):
                return self._invoke(unit, path, function, e, first)
            case _:
                raise self.expected("a member or a function", callee, e.callee.span)

    def _invoke(
        self, unit: Unit | Repeated, path: str, function: str, e: tree.Call, first: tuple[Val, ...]
    ) -> Val:
        sample = unit.units[0] if isinstance(unit, Repeated) and unit.units else unit
        if isinstance(sample, Unit) and function not in functions_of(sample):
            message = f"`{sample.kind}` has no `{function}`"
            raise self.context.stop("Q101", message, e.callee.span)
        positional, spans = [*first], [e.callee.span for _ in first]
        named: list[tuple[str, Val]] = []
        each: set[int | str] = set()
        for argument in e.arguments:
            value = self.value(argument.value)
            if argument.each:
                each.add(argument.name.text if argument.name else len(positional))
            if argument.name:
                named.append((argument.name.text, value))
            else:
                positional.append(value)
                spans.append(argument.span)
        arguments = Arguments(tuple(positional), tuple(named), frozenset(each), tuple(spans))
        self.frame.builder.span = e.span
        return self.frame.elaborator.call(self.frame.builder, unit, path, function, arguments)

    def tensor_operation(self, operator: str, operands: tuple[Val, ...], span: Span) -> Val:
        if operator in ("neg", "not"):
            return self.emit(span, op.Unary(operator), *operands)
        left, right = operands
        for side in operands:
            if not isinstance(side, Value | int | float):
                raise self.expected("a tensor or a number", side, span)
        b = self.frame.builder
        b.span = span
        try:
            pair = operand(b, left, right), operand(b, right, left)  # type: ignore[arg-type]
        except ShapeError as wrong:
            raise self.context.stop("Q210", f"`{operator}` {wrong}", span) from None
        return self.emit(span, op.Binary(OPERATORS[operator]), *pair, name=f"`{operator}`")

    def emit(
        self, span: Span, operation: op.Op, *inputs: Val, parameters: tuple[str, ...] = (), name: str = ""
    ) -> Value:
        """One operation; a shape error is reported at `span`."""
        self.frame.builder.span = span
        try:
            return self.frame.builder.emit(operation, *inputs, parameters=parameters)  # type: ignore[arg-type]
        except ShapeError as wrong:
            text = name or f"`{type(operation).__name__.lower()}`"
            raise self.context.stop("Q210", f"{text} {wrong}", span) from None

    def _no_instances(self, callee: object, call: tree.Call, evaluator: object) -> Unit:
        message = f"{describe(callee)} is made inside a function"
        help = "make it a member of the block, and call the member"
        raise self.context.stop("Q214", message, call.span, help=help)


def _dim_value(d: Dim) -> Val:
    constant = d.constant
    return d if constant is None else constant


