"""Reports defaults of inputs that mean nothing: entries take `zeros`, other functions `none`."""

from qdsl.diagnostic.model import error
from qdsl.sema.check import Check
from qdsl.sema.context import Context
from qdsl.sema.scope import FileScope
from qdsl.syntax import tree


def run(scope: FileScope, context: Context) -> None:
    """An entry is always given all inputs; a function of a block may be called without some."""
    for block in scope.own(tree.Block):
        for member in block.members:
            if isinstance(member, tree.Function):
                is_entry = block.is_model and member.kind != "fn"
                for declared in member.inputs:
                    _check(declared, is_entry, context)


def _check(declared: tree.Input, is_entry: bool, context: Context) -> None:
    match declared.default:
        case None:
            return
        case tree.Name(text="zeros") if is_entry:
            return
        case tree.NoneLiteral() if not is_entry:
            return
        case default:
            message, help = "an entry's input is always present", "state starts with `= zeros`"
            if not is_entry:
                message = f"`{default.span.text}` is no default of an input"
                help = "an input that may be left out has the default `none`"
            context.report(error("Q216", message, default.span, help=help))


CHECK = Check("defaults", run)
