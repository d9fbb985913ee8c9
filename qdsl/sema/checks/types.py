"""Reports types that there are not: of parameters, and of the elements of tensors."""

from collections.abc import Iterable

from qdsl.diagnostic.model import error
from qdsl.diagnostic.suggest import suggestion
from qdsl.sema.arguments import TYPES
from qdsl.sema.check import Check
from qdsl.sema.context import Context
from qdsl.sema.language import DTYPES
from qdsl.sema.scope import FileScope
from qdsl.syntax import tree


def run(scope: FileScope, context: Context) -> None:
    """Both sets of types are closed."""
    for block in scope.own(tree.Block):
        for parameter in block.parameters:
            _check(parameter.type, TYPES, "parameter type", context)
        for member in block.members:
            match member:
                case tree.Function(inputs=inputs, results=results):
                    _tensors((*(i.type for i in inputs), *(results or ())), context)
                case tree.ParameterMember(type=type):
                    _tensors((type,), context)
                case _:
                    pass


def _tensors(types: Iterable[tree.Type], context: Context) -> None:
    for type in types:
        while isinstance(type, tree.ArrayType):
            type = type.element
        _check(type.dtype, DTYPES, "element type", context)


def _check(name: tree.Name, known: Iterable[str], what: str, context: Context) -> None:
    if name.text not in known:
        help = suggestion(name.text, known)
        message = f"unknown {what} `{name.text}`"
        context.report(error("Q201", message, name.span, help=help))


CHECK = Check("types", run)
