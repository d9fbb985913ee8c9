"""Reports names of a block that are taken twice: parameters, members, functions, inputs, locals."""

from qdsl.diagnostic.model import error
from qdsl.sema.check import Check
from qdsl.sema.context import Context
from qdsl.sema.scope import FileScope
from qdsl.sema.walk import statements
from qdsl.syntax import tree


def run(scope: FileScope, context: Context) -> None:
    """The names of a block are one namespace, and its functions' locals take none of it."""
    for block in scope.own(tree.Block):
        taken: dict[str, tree.Name] = {}
        functions = [m for m in block.members if isinstance(m, tree.Function)]
        for name in _names(block):
            _take(name, taken, context)
        for function in functions:
            _function(function, taken, context)


def _names(block: tree.Block) -> list[tree.Name]:
    members = [m.name for m in block.members if not isinstance(m, tree.Tie)]
    return [*(p.name for p in block.parameters), *members]


def _function(function: tree.Function, block: dict[str, tree.Name], context: Context) -> None:
    taken = dict(block)
    for declared in function.inputs:
        _take(declared.name, taken, context)
    for statement in statements(function.body):
        match statement:
            case tree.Assign(targets=targets):
                for target in targets:
                    if target.text in block:
                        _report(target, block[target.text], context)
                    elif target.text != "_":
                        taken.setdefault(target.text, target)
            case tree.For(index=index):
                # an index that is a value before the loop would be carried out of it
                if index.text in taken:
                    _report(index, taken[index.text], context)
            case tree.Return():
                pass


def _take(name: tree.Name, taken: dict[str, tree.Name], context: Context) -> None:
    if name.text in taken:
        _report(name, taken[name.text], context)
    taken.setdefault(name.text, name)


def _report(name: tree.Name, first: tree.Name, context: Context) -> None:
    message = f"`{name.text}` is already a name of this block"
    place = [(first.span, "first defined here")]
    help = "members, parameters, functions, inputs and values of a block have different names"
    context.report(error("Q103", message, name.span, secondary=place, help=help))


CHECK = Check("namespace", run)
