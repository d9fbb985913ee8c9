"""Reports properties of rules that there are not, and those that a rule gives twice."""

from collections.abc import Iterable, Iterator

from qdsl.diagnostic.model import error
from qdsl.diagnostic.suggest import suggestion
from qdsl.sema.check import Check
from qdsl.sema.context import Context
from qdsl.sema.policy import PROPERTIES
from qdsl.sema.scope import FileScope
from qdsl.syntax import tree


def run(scope: FileScope, context: Context) -> None:
    """The set of properties is closed."""
    for rule in _rules(scope.file.items):
        given: dict[str, tree.Name] = {}
        for property in rule.properties:
            name = property.name
            _check(name, context)
            if name.text in given:
                message = f"`{name.text}` is given twice"
                place = [(given[name.text].span, "first here")]
                context.report(error("Q205", message, name.span, secondary=place))
            given.setdefault(name.text, name)


def _rules(items: Iterable[tree.Item]) -> Iterator[tree.Rule]:
    for item in items:
        match item:
            case tree.Policy(rules=rules):
                yield from rules
            case tree.Variant(settings=settings):
                for setting in settings:
                    if isinstance(setting, tree.PolicyAppend):
                        yield from setting.rules
            case _:
                pass


def _check(name: tree.Name, context: Context) -> None:
    if name.text in PROPERTIES:
        return
    message, help = f"unknown property `{name.text}`", suggestion(name.text, PROPERTIES)
    context.report(error("Q303", message, name.span, help=help))


CHECK = Check("properties", run)
