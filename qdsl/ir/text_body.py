"""Writes what a model computes: each entry and each function, an operation a line.

`%0` is a value, numbered within its function, the inputs first. A call of a function of one
operation is that operation, `up.linear(%1)`; other calls name the function, `pairs[0..2]
@Pair.forward(%1)`, which stands below the entries. Elements of a `repeat` that are called one
after the other with the same function are one line.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import lru_cache

from qdsl.ir import op
from qdsl.ir.model import Body, Entry, Invoke, Model, Module, Node, TensorType

_ELEMENT = re.compile(r"(.*)\[(\d+)\]$")


class BodyText:
    """Entries and functions being written; functions are named when they are first called."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.names: dict[int, str] = {}
        self.used: dict[str, int] = {}
        self.due: list[tuple[str, Body, Module]] = []

    def lines(self) -> Iterator[str]:
        for entry in self.model.entries:
            yield ""
            yield _entry_head(entry)
            yield from self._steps(entry.body, self.model.root)
        while self.due:
            name, body, module = self.due.pop(0)
            yield ""
            inputs = ", ".join(f"%{i}: {t}" for i, t in enumerate(body.inputs))
            yield f"fn {name}({inputs})"
            yield from self._steps(body, module)

    def _steps(self, body: Body, module: Module) -> Iterator[str]:
        types = dict(enumerate(body.inputs))
        for run in _runs(body.steps):
            first, last = run[0], run[-1]
            given = last.types if isinstance(last, Node) else result_types(last.body)
            types.update(zip(last.outputs, given, strict=True))
            if isinstance(first, Node):
                yield "  " + _node(first, first.inputs, first.outputs)
            else:
                yield "  " + self._call(first, run, module)
        yield f"  return {_values(body.outputs)}"

    def _call(self, first: Invoke, run: "Sequence[Node | Invoke]", module: Module) -> str:
        member, body = _run_name(first.member, len(run)), first.body
        outputs = run[-1].outputs
        if (node := _single(body)) is not None:
            inputs = tuple(first.inputs[i] for i in node.inputs)
            return _node(node, inputs, outputs, member)
        name = self._name(body, _member(module, first.member))
        shown = ", ".join(map(str, result_types(body)))
        callee = " ".join(filter(None, (member, name)))
        return f"{_values(outputs)} = {callee}({_values(first.inputs)}) : {shown}"

    def _name(self, body: Body, module: Module) -> str:
        """`@Pair.forward`, and `@Pair.forward.2` for the same with inputs of another type."""
        if id(body) not in self.names:
            name = f"@{module.kind}.{body.function or 'forward'}"
            self.used[name] = number = self.used.get(name, 0) + 1
            self.names[id(body)] = name if number == 1 else f"{name}.{number}"
            self.due.append((self.names[id(body)], body, module))
        return self.names[id(body)]


@lru_cache(maxsize=1024)  # bodies are compared by identity
def result_types(body: Body) -> tuple[TensorType, ...]:
    """Types of what the function gives."""
    types = dict(enumerate(body.inputs))
    for step in body.steps:
        if any(o in body.outputs for o in step.outputs):
            given = step.types if isinstance(step, Node) else result_types(step.body)
            types.update(zip(step.outputs, given, strict=True))
    return tuple(types[o] for o in body.outputs)


def _entry_head(entry: Entry) -> str:
    inputs = (
        f"%{i} {x.name}: {x.type}" + (" = zeros" if x.zeros else "")
        for i, x in enumerate(entry.inputs)
    )
    return f"entry {entry.name}({', '.join(inputs)}) -> {', '.join(map(str, entry.results))}"


def _runs(steps: "Sequence[Node | Invoke]") -> "Iterator[list[Node | Invoke]]":
    """The steps, each alone, and calls that hand one value through neighbours together."""
    run: list[Node | Invoke] = []
    for step in steps:
        if run and not _continues(run, step):
            yield run
            run = []
        run.append(step)
    if run:
        yield run


def _continues(run: "list[Node | Invoke]", step: "Node | Invoke") -> bool:
    last = run[-1]
    if not isinstance(step, Invoke) or not isinstance(last, Invoke) or step.body is not last.body:
        return False
    before, after = _ELEMENT.match(last.member), _ELEMENT.match(step.member)
    if not before or not after or before[1] != after[1] or int(after[2]) != int(before[2]) + 1:
        return False
    threaded = len(last.outputs) == 1 and step.inputs[:1] == last.outputs
    return threaded and step.inputs[1:] == last.inputs[1:]


def _run_name(member: str, count: int) -> str:
    match = _ELEMENT.match(member)
    if count == 1 or not match:
        return member
    return f"{match[1]}[{match[2]}..{int(match[2]) + count}]"


def _single(body: Body) -> Node | None:
    """The one operation that the function is."""
    if len(body.steps) == 1 and isinstance(node := body.steps[0], Node):
        return node if node.outputs == body.outputs else None
    return None


def _member(module: Module, path: str) -> Module:
    """What the path names; a function of the module itself is called by an empty path."""
    for part in filter(None, path.split(".")):
        element = _ELEMENT.match(part)
        found = module.members[element[1] if element else part]
        module = found if isinstance(found, Module) else found[int(element[2]) if element else 0]
    return module


# ---- one operation -----------------------------------------------------------------------------


def _node(node: Node, inputs: tuple[int, ...], outputs: tuple[int, ...], member: str = "") -> str:
    what = ".".join(filter(None, (member, op_name(node.op))))
    parameters = f" [{', '.join(node.parameters)}]" if node.parameters else ""
    attributes = "".join(f" {name}={text}" for name, text in _attributes(node.op))
    name = f"  # {node.name.rpartition('.')[2]}" if node.name else ""
    types = ", ".join(map(str, node.types))
    return f"{_values(outputs)} = {what}({_values(inputs)}){parameters}{attributes} : {types}{name}"


def _values(numbers: Sequence[int]) -> str:
    return ", ".join(f"%{n}" for n in numbers)


def op_name(operation: op.Op) -> str:
    """`linear`, `layer_norm`; of an elementwise operation its function, `add`."""
    if isinstance(operation, op.Unary | op.Binary):
        return operation.function
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(operation).__name__).lower()


def _attributes(operation: op.Op) -> Iterator[tuple[str, str]]:
    if not isinstance(operation, op.Unary | op.Binary):
        for field in fields(operation):
            yield field.name, _text(getattr(operation, field.name))


def _text(value: object) -> str:
    match value:
        case op.Keep():
            return ":"
        case op.NewAxis():
            return "none"
        case op.At(index):
            return str(index)
        case op.Cut(start, stop):
            return f"{'' if start is None else start}..{'' if stop is None else stop}"
        case tuple():
            return f"[{', '.join(map(_text, value))}]"
        case bool():
            return str(value).lower()
        case _:
            return str(value)
