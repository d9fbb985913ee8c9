"""Evaluates what is known before any tensor: constants, arguments, formats, members of blocks."""

from collections.abc import Callable, Mapping

from qdsl.sema.context import Context, Stop
from qdsl.sema.describe import describe
from qdsl.sema.expression import Evaluator
from qdsl.sema.habits import unknown_name_help
from qdsl.sema.language import language_name, language_names
from qdsl.sema.scope import Entry, FileScope
from qdsl.sema.values import (
    AnyWord,
    BlockValue,
    FormatChoice,
    FormatValue,
    LayerKind,
    MemberValue,
    ParameterValue,
    Poison,
    Repeated,
    Unit,
    Val,
)
from qdsl.syntax import tree

Instantiate = Callable[["BlockValue | LayerKind", tree.Call, "StaticEvaluator"], Unit]


class StaticEvaluator(Evaluator):
    """Names are those of a block's environment, then the file's, then the language's."""

    def __init__(
        self,
        context: Context,
        scope: FileScope,
        environment: Mapping[str, Val],
        instantiate: Instantiate,
    ) -> None:
        super().__init__(context)
        self.scope = scope
        self.environment = environment
        self.instantiate = instantiate

    def name(self, e: tree.Name) -> Val:
        if e.text not in self.environment:
            return self._file_name(e)
        value = self.environment[e.text]
        if isinstance(value, Poison):
            raise Stop
        return MemberValue(value, e.text) if isinstance(value, Unit | Repeated) else value

    def call(self, e: tree.Call) -> Val:
        callee = self.value(e.callee)
        match callee:
            case BlockValue() | LayerKind():
                return self.instantiate(callee, e, self)
            case FormatValue():
                return self._format(callee, e)
            case AnyWord():
                return self._choice(e)
            case _:
                raise self.expected("a layer, a block or a format", callee, e.callee.span)

    def _format(self, family: FormatValue, e: tree.Call) -> FormatValue:
        """`int4(asymmetric, group = 64)`: flags are names, options are `name = value`."""
        flags = list(family.flags)
        options: dict[str, Val] = dict(family.options)
        given: set[str] = set()
        for argument in e.arguments:
            word = argument.name.text if argument.name else self._flag(argument.value)
            if word in given:
                raise self.context.stop("Q205", f"`{word}` is given twice", argument.span)
            given.add(word)
            if argument.name:
                options[word] = self._option(argument.value)
            else:
                flags.append(word)
        kept = tuple(dict.fromkeys(flags))
        return FormatValue(
            family.family,
            tuple(options.items()),  # type: ignore[arg-type]
            kept,
            family.pattern,
            e.span,
        )

    def _choice(self, e: tree.Call) -> FormatChoice:
        """`any(int4(group = 64), int8)`; one that is given twice, or in another, counts once."""
        found: dict[FormatValue, None] = {}
        for argument in e.arguments:
            value = self.value(argument.value)
            if argument.name or not isinstance(value, FormatValue | FormatChoice):
                raise self.expected("a weight format", value, argument.span)
            options = value.choices if isinstance(value, FormatChoice) else (value,)
            found.update(dict.fromkeys(options))
        if len(found) < 2:
            help = "as in `any(int4(group = 64), int8)`"
            raise self.context.stop("Q301", "`any` of less than two formats", e.span, help=help)
        return FormatChoice(tuple(found), e.span)

    def _flag(self, e: tree.Expr) -> str:
        if isinstance(e, tree.Name):
            return e.text
        help = "as in `int4(asymmetric, group = 64)`"
        raise self.context.stop("Q301", "expected a word or `option = value`", e.span, help=help)

    def _option(self, e: tree.Expr) -> Val:
        """Words of options (`per = channel`) are words, unless a parameter or item is meant."""
        if isinstance(e, tree.Name) and e.text not in self.environment:
            if self.scope.value(e.text) is None:
                return e.text
        return self.value(e)

    # ---- names of the file -------------------------------------------------------------------

    def _file_name(self, e: tree.Name) -> Val:
        """A name from the file or the language; reports Q101 when there is none.

        A policy, budget or variant is no value: it may be called as a format is, `int4`.
        """
        if entry := self.scope.value(e.text):
            return self._entry(entry, e)
        if e.text in self.scope.broken:
            raise Stop
        if value := language_name(e.text, e.span):
            return value
        if entry := self.scope.find(e.text):
            message = f"`{e.text}` is a {type(entry.item).__name__.lower()}, not a value"
            raise self.context.stop("Q201", message, e.span)
        known = {*self.environment, *self.scope.entries, *language_names()}
        help = unknown_name_help(e.text, known)
        raise self.context.stop("Q101", f"unknown name `{e.text}`", e.span, "not found", help=help)

    def _entry(self, entry: Entry, e: tree.Name) -> Val:
        item = entry.item
        match item:
            case tree.Block():
                if item.name.text in entry.scope.broken:
                    raise Stop
                return BlockValue(item, entry.scope)
            case tree.Const() | tree.Format():
                return self._constant(entry, item, e)
            case _:
                raise TypeError(f"{type(item).__name__} is no value")

    def _constant(self, entry: Entry, item: tree.Const | tree.Format, e: tree.Name) -> Val:
        name = item.name.text
        if entry.scope.constants is None:
            evaluate_constants(entry.scope, self.context, self.instantiate)
        assert entry.scope.constants is not None
        if name not in entry.scope.constants:
            place = [(item.name.span, "defined here")]
            message = f"`{e.text}` is used before its definition"
            help = "constants and formats see those above them: move it up"
            raise self.context.stop("Q109", message, e.span, secondary=place, help=help)
        value = entry.scope.constants[name]
        if isinstance(value, Poison):
            raise Stop
        return value


def evaluate_constants(scope: FileScope, context: Context, instantiate: Instantiate) -> None:
    """Fills the scope's constants, in the order of the file; each sees those above it."""
    scope.constants = found = dict[str, Val]()
    for item in scope.file.items:
        if isinstance(item, tree.Const | tree.Format) and item.name.text not in found:
            try:
                found[item.name.text] = _value(scope, item, context, instantiate)
            except Stop:
                found[item.name.text] = Poison()


def _value(
    scope: FileScope, item: tree.Const | tree.Format, context: Context, instantiate: Instantiate
) -> Val:
    evaluator = StaticEvaluator(context, scope, {}, instantiate)
    value = evaluator.value(item.value)
    if isinstance(item, tree.Format) and not isinstance(value, FormatValue | FormatChoice):
        raise evaluator.expected("a format", value, item.value.span)
    if isinstance(value, Unit | MemberValue | ParameterValue):
        message = f"a constant cannot be {describe(value)}"
        raise context.stop("Q201", message, item.value.span)
    return value
