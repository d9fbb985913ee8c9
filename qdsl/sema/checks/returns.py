"""Reports functions that do not end with `return`, and a `return` anywhere else."""

from qdsl.diagnostic.model import error
from qdsl.sema.check import Check
from qdsl.sema.context import Context
from qdsl.sema.scope import FileScope
from qdsl.sema.walk import statements
from qdsl.syntax import tree


def run(scope: FileScope, context: Context) -> None:
    """A function is a row of statements, the last of which gives its results."""
    for block in scope.own(tree.Block):
        for member in block.members:
            if isinstance(member, tree.Function):
                _function(member, context)


def _function(function: tree.Function, context: Context) -> None:
    last = function.body[-1] if function.body else None
    early = [s for s in statements(function.body) if isinstance(s, tree.Return) and s is not last]
    for statement in early:
        message = "`return` before the end of the function"
        help = "loops and branches give values to names; one `return` stands last"
        context.report(error("Q211", message, statement.span, help=help))
    if not early and not isinstance(last, tree.Return):
        name = function.name
        message = f"`{name.text}` returns nothing"
        context.report(error("Q211", message, name.span, help="end it with `return`"))


CHECK = Check("returns", run)
