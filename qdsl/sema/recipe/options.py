"""Reads the values of a recipe: words and calls become the dataclasses that define them."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import NoneType

from qdsl.diagnostic.suggest import suggestion
from qdsl.recipes.option import Fault, Option, OptionError
from qdsl.record import record
from qdsl.sema.context import Context, Stop
from qdsl.sema.describe import describe
from qdsl.sema.recipe.refused import refusal
from qdsl.sema.recipe.types import (
    NUMBERS,
    Hint,
    alternatives,
    elements,
    expected,
    is_option,
    literals,
    schema,
    word_of,
    words,
)
from qdsl.sema.static import StaticEvaluator
from qdsl.source import Span
from qdsl.syntax import tree

__all__ = ["Collected", "Given", "OptionReader", "alternatives", "schema", "words"]


@record
class Given:
    """An argument as written, and the evaluator for the file it stands in."""

    value: tree.Expr
    span: Span
    evaluator: StaticEvaluator


@dataclass(eq=False)
class Collected:
    """Goes on after a part that is wrong, so that each part is reported."""

    failed: bool = False

    @contextmanager
    def part(self) -> Iterator[None]:
        """What raises Stop inside has been reported, and is left."""
        try:
            yield
        except Stop:
            self.failed = True

    def end(self) -> None:
        """Raises Stop where a part did."""
        if self.failed:
            raise Stop


class OptionReader:
    """Makes options of what a recipe says; every refusal is a Q702 with what would do."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def call(self, kind: type[Option], e: tree.Expr, evaluator: StaticEvaluator) -> Option:
        """The option that a word or a call of it makes."""
        arguments = e.arguments if isinstance(e, tree.Call) else ()
        given: dict[str, Given] = {}
        parts = Collected()
        for position, argument in enumerate(arguments):
            with parts.part():
                name = self._argument(kind, position, argument)
                if name in given:
                    raise self.context.stop("Q205", f"`{name}` is given twice", argument.span)
                given[name] = Given(argument.value, argument.span, evaluator)
        return self.make(kind, given, e.span, parts)

    def _argument(self, kind: type[Option], position: int, argument: tree.Argument) -> str:
        """The field that the argument is for."""
        names = tuple(schema(kind))
        if argument.name is None:
            if position < len(names):
                return names[position]
            message = f"too many arguments for `{kind.word()}`"
            raise self.context.stop("Q205", message, argument.span, help=_takes(names))
        if argument.name.text in names:
            return argument.name.text
        message = f"`{kind.word()}` has no `{argument.name.text}`"
        help = suggestion(argument.name.text, names) or _takes(names)
        raise self.context.stop("Q701", message, argument.name.span, "unknown", help=help)

    def make(
        self,
        kind: type[Option],
        given: Mapping[str, Given],
        span: Span,
        parts: Collected | None = None,
        **known: object,
    ) -> Option:
        """The option with those fields; `known` are not written but follow from the place.

        Raises Stop after every field was read, and where one of `parts` failed before.
        """
        parts, hints = parts or Collected(), schema(kind)
        misnamed, values = parts.failed, dict(known)
        for name, argument in given.items():
            with parts.part():
                values[name] = self.read(name, argument.value, hints[name][0], argument.evaluator)
        required = [n for n, (_, required) in hints.items() if required and n not in values]
        missing = [n for n in required if n not in given]
        if missing and not misnamed:
            message = f"`{known.get('name', kind.word())}` is missing "
            message += " and ".join(f"`{n}`" for n in missing)
            help = f"add `{', '.join(f'{n} = …' for n in missing)}`"
            with parts.part():
                raise self.context.stop("Q205", message, span, help=help)
        try:
            made = kind(**dict.fromkeys(required), **values)
        except OptionError as wrong:
            for fault in wrong.faults:
                named = fault.split("`")[1:2]
                place = given[named[0]].value.span if named and named[0] in given else span
                advice = fault.help if isinstance(fault, Fault) else None
                self.context.stop("Q702", fault, place, help=advice)
            raise Stop from None
        parts.failed |= bool(required)
        parts.end()
        return made

    def read(self, name: str, e: tree.Expr, hint: Hint, evaluator: StaticEvaluator) -> object:
        """The value of the field `name`."""
        members = alternatives(hint)
        word = word_of(e)
        for member in members:
            if is_option(member) and word == member.word():
                return self.call(member, e, evaluator)
        if isinstance(e, tree.NoneLiteral) and NoneType in members:
            return None
        if isinstance(e, tree.Array):
            for element in elements(members):
                return self._list(name, e, element, evaluator)
        if not isinstance(e, tree.Call) and word in literals(members):
            return word
        if isinstance(e, tree.Name) and str in members:
            return word
        if isinstance(e, tree.String) and str in members:
            return e.value
        return self._number(name, e, members, evaluator)

    def _list(
        self, name: str, e: tree.Array, element: Hint, evaluator: StaticEvaluator
    ) -> tuple[object, ...]:
        parts, found = Collected(), list[object]()
        for x in e.elements:
            with parts.part():
                found.append(self.read(name, x, element, evaluator))
        parts.end()
        return tuple(found)

    def _number(
        self, name: str, e: tree.Expr, members: tuple[Hint, ...], evaluator: StaticEvaluator
    ) -> object:
        numbers = tuple(m for m in members if m in NUMBERS)
        if not numbers or (word_of(e) and evaluator.scope.value(word_of(e)) is None):
            self.context.report(refusal(name, e, members))
            raise Stop
        value = evaluator.value(e)
        if isinstance(value, bool) is not (bool in numbers) or not isinstance(value, int | float):
            message = f"`{name}` is {expected(members)}, given {describe(value)}"
            raise self.context.stop("Q702", message, e.span)
        if isinstance(value, float) and float not in numbers:
            raise self.context.stop("Q702", f"`{name}` is a whole number, given {value}", e.span)
        return float(value) if float in numbers else value


def _takes(names: Iterable[str]) -> str:
    listed = ", ".join(f"`{n}`" for n in names)
    return f"it takes {listed}" if listed else "it takes none"
