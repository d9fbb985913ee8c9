"""Reports properties of rules that there are not, and those that a rule gives twice."""

from collections.abc import Iterable, Iterator

from qdsl.diagnostic.model import error
from qdsl.diagnostic.suggest import suggestion
from qdsl.sema.check import Check
from qdsl.sema.context import Context
from qdsl.sema.policy import MODEL_PROPERTIES, PROPERTIES
from qdsl.sema.scope import FileScope
from qdsl.syntax import tree


def run(scope: FileScope, context: Context) -> None:
    """The set of properties is closed."""
    for rule in _rules(scope.file.items):
        given: dict[str, tree.Name] = {}
        for property in rule.properties:
            name = property.name
            _check(name, context)
            if name.text in MODEL_PROPERTIES:
                _check_model_property(rule, property, context)
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


def _check_model_property(rule: tree.Rule, property: tree.Property, context: Context) -> None:
    name, value = property.name, property.value
    if rule.selector is not None:
        message = f"`{name.text}` is a property of the whole model"
        help = f"write `default {{ {name.text} = {value.span.text} }}`"
        context.report(error("Q322", message, name.span, help=help))
    words = MODEL_PROPERTIES[name.text]
    if not isinstance(value, tree.Name) or value.text not in words:
        message = f"`{name.text}` cannot be `{value.span.text}`"
        listed = ", ".join(f"`{w}`" for w in words)
        context.report(error("Q323", message, value.span, help=f"it is one of {listed}"))


CHECK = Check("properties", run)
