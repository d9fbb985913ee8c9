"""Builds a function's body: emits operations, infers their types."""

from collections.abc import Iterable, Mapping, Sequence

from qdsl.ir.infer import infer
from qdsl.ir.model import Body, Invoke, Node, TensorType
from qdsl.ir.op import Op
from qdsl.record import record
from qdsl.source import Span, no_span


@record
class Value:
    """A tensor of the body under construction."""

    number: int
    type: TensorType


class Builder:
    """Collects the steps of one function of one module."""

    def __init__(self, function: str, parameters: Mapping[str, tuple[int, ...]]) -> None:
        """`parameters`: shapes of the module's own parameters by name."""
        self._function = function
        self._parameters = parameters
        self._steps: list[Node | Invoke] = []
        self._inputs: list[TensorType] = []
        self._values = 0
        self.span: Span = no_span()  # where the next operations are written
        self.name = ""  # name of the value being computed

    def input(self, type: TensorType) -> Value:
        """The next input; all inputs come before the first operation."""
        self._inputs.append(type)
        return self._value(type)

    def has(self, parameter: str) -> bool:
        return parameter in self._parameters

    def emit(self, op: Op, *inputs: Value, parameters: Sequence[str] = ()) -> Value:
        """An operation with one result; raises ShapeError."""
        (result,) = self.emit_many(op, *inputs, parameters=parameters)
        return result

    def emit_many(
        self, op: Op, *inputs: Value, parameters: Sequence[str] = ()
    ) -> tuple[Value, ...]:
        """An operation with any number of results; raises ShapeError."""
        shapes = tuple(self._parameters[p] for p in parameters)
        types = infer(op, tuple(v.type for v in inputs), shapes)
        results = tuple(self._value(t) for t in types)
        self._steps.append(
            Node(
                op=op,
                inputs=tuple(v.number for v in inputs),
                outputs=tuple(r.number for r in results),
                types=types,
                parameters=tuple(parameters),
                name=self.name,
                span=self.span,
            )
        )
        return results

    def invoke(
        self, member: str, body: Body, inputs: Iterable[Value], types: Iterable[TensorType]
    ) -> tuple[Value, ...]:
        """A call of a member's function; `types` are those of the body's outputs."""
        results = tuple(self._value(t) for t in types)
        given = tuple(v.number for v in inputs)
        outputs = tuple(r.number for r in results)
        self._steps.append(Invoke(member, body, given, outputs, self.span))
        return results

    def finish(self, outputs: Iterable[Value]) -> Body:
        return Body(
            function=self._function,
            inputs=tuple(self._inputs),
            steps=tuple(self._steps),
            outputs=tuple(v.number for v in outputs),
            size=sum(s.body.size if isinstance(s, Invoke) else 1 for s in self._steps),
        )

    def _value(self, type: TensorType) -> Value:
        self._values += 1
        return Value(self._values - 1, type)
