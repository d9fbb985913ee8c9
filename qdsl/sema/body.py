"""Runs the statements of a function: assignments, loops and returns over symbolic tensors."""

from qdsl.ir import op
from qdsl.ir.shape import Dim
from qdsl.sema.arithmetic import simplest
from qdsl.sema.binding import bind_inputs, check_results
from qdsl.sema.calls import apply_function
from qdsl.sema.context import Stop
from qdsl.sema.describe import describe
from qdsl.sema.dims import result_dim
from qdsl.sema.elaborate import FunctionFrame, FunctionRunner, functions_of
from qdsl.sema.invoke import invoke
from qdsl.sema.limits import ELEMENT, MAX_REPEAT
from qdsl.sema.signature import Signature, dim_names
from qdsl.sema.structure import Arguments
from qdsl.sema.tensors import TensorEvaluator
from qdsl.sema.values import (
    BlockValue,
    BoundFunction,
    FunctionName,
    LayerKind,
    MemberValue,
    ParameterValue,
    Poison,
    Repeated,
    Val,
)
from qdsl.source import Span
from qdsl.syntax import tree


class FunctionEvaluator(TensorEvaluator, FunctionRunner):
    """Evaluates one function; tensors are Values of the frame's builder.

    given: the inputs as they came in; locals: names bound so far; dims: what the dims of the
    signature stand for; sought: dims of results that are being looked for.
    """

    def __init__(self, frame: FunctionFrame) -> None:
        super().__init__(frame)
        self.given: dict[str, Val] = {}
        self.locals: dict[str, Val] = {}
        self.dims: dict[str, Dim] = {}
        self.sought: set[str] = set()
        self.signature = Signature(self.context, self.dims, self.value)
        self.functions = functions_of(frame.unit)
        self.result_dims = dim_names(frame.function.results or ())

    def run(self, arguments: Arguments) -> Val:
        """Binds the inputs, runs the body, checks the results."""
        self.given = bind_inputs(self, arguments)
        self.locals = dict(self.given)
        result = self._statements(self.frame.function.body)
        if result is None:
            raise Stop  # it does not end with `return`, which a check reports
        return check_results(self, *result)

    # ---- statements --------------------------------------------------------------------------

    def _statements(self, body: tuple[tree.Statement, ...]) -> tuple[tuple[Val, ...], Span] | None:
        failed = False
        for statement in body:
            try:
                match statement:
                    case tree.Assign():
                        self._assign(statement)
                    case tree.For():
                        self._for(statement)
                    case tree.Return(values=values, span=span):
                        results = tuple(self.value(v) for v in values)
                        if failed:
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
        targets, b = statement.targets, self.frame.builder
        b.name = f"{self.frame.function.name.text}.{targets[0].text}"
        try:
            value = self.value(statement.value)
        finally:
            b.name = ""
        values: tuple[Val, ...] = (value,)
        if len(targets) > 1:
            if not isinstance(value, tuple) or len(value) != len(targets):
                found = f"{len(value)} values" if isinstance(value, tuple) else describe(value)
                message = f"{len(targets)} names for {found}"
                span = targets[0].span.to(targets[-1].span)
                raise self.context.stop("Q212", message, span)
            values = value
        for target, item in zip(targets, values, strict=True):
            if target.text != "_":
                # the name bound last stands last: `dims.result_dim` looks from there
                self.locals.pop(target.text, None)
                self.locals[target.text] = item

    def _for(self, statement: tree.For) -> None:
        start, stop = statement.range.start, statement.range.stop
        assert start is not None
        assert stop is not None
        if statement.index.text in self.locals:
            raise Stop  # an index takes no name of a value, which a check reports
        first, last = self.integer(start), self.integer(stop)
        if last - first > MAX_REPEAT:
            message = f"`for` of {last - first:,} rounds"
            help = f"the limit is {MAX_REPEAT:,}"
            raise self.context.stop("Q208", message, statement.range.span, help=help)
        outside = {*self.locals}
        try:
            for i in range(first, last):
                self.context.tick(statement.span, ELEMENT)
                self.locals[statement.index.text] = i
                if self._statements(statement.body) is not None:
                    raise Stop  # `return` inside `for`, which a check reports
        finally:
            # names first bound inside stay inside
            self.locals = {n: v for n, v in self.locals.items() if n in outside}

    def branch(self, e: tree.If) -> Val:
        branch = e.then if self.boolean(e.condition) else e.other
        outer = dict(self.locals)
        try:
            if self._statements(branch.statements) is not None:
                raise Stop  # `return` inside `if`, which a check reports
            values = tuple(self.value(v) for v in branch.values)
        finally:
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
            return simplest(self.dims[e.text])
        if e.text in self.result_dims:
            return simplest(result_dim(self, e))
        if e.text in self.functions:
            return self._own_function(e)
        value = self.environment.get(e.text)
        if isinstance(value, ParameterValue):
            return self.emit(e.span, op.Read(), parameters=(value.name,))
        return super().name(e)

    def _own_function(self, e: tree.Name) -> BoundFunction:
        own = self.frame.function.name
        if self.functions.index(e.text) >= self.functions.index(own.text):
            message = f"`{e.text}` does not stand before `{own.text}`"
            if e.text == own.text:
                message = f"`{e.text}` calls itself"
            help = "a function calls earlier functions of its block, so that every call ends"
            raise self.context.stop("Q213", message, e.span, help=help)
        return BoundFunction(self.frame.unit, "", e.text)

    def attribute(self, e: tree.Attribute) -> Val:
        value = self.value(e.value)
        if isinstance(value, MemberValue):
            of = value.unit.element if isinstance(value.unit, Repeated) else value.unit
            names = functions_of(of) if of is not None else []
            if e.name.text in names:
                return BoundFunction(value.unit, value.path, e.name.text)
            return self.member(value, e, names)
        return self.member(value, e)

    # ---- calls ------------------------------------------------------------------------------

    def call(self, e: tree.Call) -> Val:
        return self.apply(e, ())

    def pipe(self, e: tree.Pipe) -> Val:
        first = self.value(e.value)
        call = e.call if isinstance(e.call, tree.Call) else tree.Call(e.call, (), e.call.span)
        return self.apply(call, (first,))

    def apply(self, e: tree.Call, first: tuple[Val, ...]) -> Val:
        """A call, with what `|>` puts before its arguments."""
        callee = self.value(e.callee)
        match callee:
            case FunctionName(name):
                return apply_function(self, name, e, first)
            case MemberValue(unit, path):
                return invoke(self, unit, path, "forward", e, first)
            case BoundFunction(unit, path, function):
                return invoke(self, unit, path, function, e, first)
            case BlockValue() | LayerKind():
                return self.instantiate(callee, e, self)
            case None:
                name = e.callee.span.text
                help = f"ask before: `if {name} is none {{ … }} else {{ … }}`"
                raise self.context.stop("Q201", f"`{name}` is none", e.callee.span, help=help)
            case _:
                raise self.expected("a member or a function", callee, e.callee.span)
