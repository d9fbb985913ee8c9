"""Reports parameters and values that start with a capital: those are dims."""

from collections.abc import Iterator

from qdsl.diagnostic.model import error
from qdsl.sema.check import Check
from qdsl.sema.context import Context
from qdsl.sema.scope import FileScope
from qdsl.sema.walk import statements
from qdsl.syntax import tree


def run(scope: FileScope, context: Context) -> None:
    """A capital name in the type of a tensor is a dim, so nothing else may look like one."""
    for item in scope.file.items:
        for name in _values(item):
            if name.text[:1].isupper():
                lower = _lower(name.text)
                message = f"value `{name.text}` starts with a capital"
                help = f"dims start with a capital, values do not: write `{lower}`"
                context.report(error("Q108", message, name.span, "reads as a dim", help=help))


def _lower(name: str) -> str:
    """`width` for `Width` and `WIDTH`."""
    return name.lower() if name.isupper() else name[:1].lower() + name[1:]


def _values(item: tree.Item) -> Iterator[tree.Name]:
    match item:
        case tree.Const(name=name):
            yield name
        case tree.Block(parameters=parameters, members=members):
            yield from (p.name for p in parameters)
            for member in members:
                match member:
                    case tree.Function():
                        yield from _locals(member)
                    case tree.Tie():
                        pass
                    case _:
                        yield member.name
        case _:
            pass


def _locals(function: tree.Function) -> Iterator[tree.Name]:
    yield function.name
    yield from (i.name for i in function.inputs)
    for statement in statements(function.body):
        match statement:
            case tree.Assign(targets=targets):
                yield from targets
            case tree.For(index=index):
                yield index
            case tree.Return():
                pass


CHECK = Check("capitals", run)
