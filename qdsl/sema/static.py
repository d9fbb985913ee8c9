"""Evaluates what is known before any tensor: constants, arguments, formats, members of blocks."""

from collections.abc import Callable, Mapping

import qdsl.formats
import qdsl.layers
from qdsl.diagnostic.suggest import suggestion
from qdsl.ir.layer import Layer
from qdsl.registry import member_class, names
from qdsl.sema.context import Context, Stop
from qdsl.sema.expression import Evaluator
from qdsl.sema.functions import table
from qdsl.sema.scope import FileScope
from qdsl.sema.values import (
    BlockValue,
    FormatValue,
    FunctionName,
    LayerKind,
    MemberValue,
    ParameterValue,
    Repeated,
    Unit,
    Val,
    describe,
)
from qdsl.source import Span
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
        if e.text in self.environment:
            value = self.environment[e.text]
            return MemberValue(value, e.text) if isinstance(value, Unit | Repeated) else value
        return file_name(self, e)

    def call(self, e: tree.Call) -> Val:
        callee = self.value(e.callee)
        match callee:
            case BlockValue() | LayerKind():
                return self.instantiate(callee, e, self)
            case FormatValue():
                return self._format(callee, e)
            case _:
                raise self.expected("a layer, a block or a format", callee, e.callee.span)

    def _format(self, family: FormatValue, e: tree.Call) -> FormatValue:
        """`int4(asymmetric, group = 64)`: flags are names, options are `name = value`."""
        flags: list[str] = []
        options: dict[str, Val] = {}
        for argument in e.arguments:
            if argument.name is None:
                flags.append(self._flag(argument.value))
            elif argument.name.text in options:
                message = f"`{argument.name.text}` is given twice"
                raise self.context.stop("Q205", message, argument.span)
            else:
                options[argument.name.text] = self._option(argument.value)
        return FormatValue(
            family.family,
            tuple(options.items()),  # type: ignore[arg-type]
            tuple(flags),
            family.pattern,
            e.span,
        )

    def _flag(self, e: tree.Expr) -> str:
        if isinstance(e, tree.Name):
            return e.text
        raise self.context.stop("Q301", "expected a word or `option = value`", e.span)

    def _option(self, e: tree.Expr) -> Val:
        """Words of options (`per = channel`) are words, not names, unless a parameter is meant."""
        if isinstance(e, tree.Name) and e.text not in self.environment:
            if e.text not in self.scope.entries:
                return e.text
        return self.value(e)


def file_name(evaluator: StaticEvaluator, e: tree.Name) -> Val:
    """A name from the file or the language; reports Q101 when there is none."""
    if entry := evaluator.scope.find(e.text):
        match entry.item:
            case tree.Block():
                return BlockValue(entry.item, entry.scope)
            case tree.Const() | tree.Format():
                return file_constant(evaluator, entry.item, entry.scope)
            case _:
                message = f"`{e.text}` is a {type(entry.item).__name__.lower()}, not a value"
                raise evaluator.context.stop("Q201", message, e.span)
    if e.text in evaluator.scope.broken:
        raise Stop
    if value := language_name(e.text, e.span):
        return value
    known = {*evaluator.environment, *evaluator.scope.entries, *language_names()}
    help = suggestion(e.text, known)
    raise evaluator.context.stop("Q101", f"unknown name `{e.text}`", e.span, "not found", help=help)


def file_constant(
    evaluator: StaticEvaluator, item: tree.Const | tree.Format, scope: FileScope
) -> Val:
    """The value of a `const` or `format`; they see what stands before them in their file."""
    earlier = {n: x for n, x in scope.entries.items() if x.item.span.start < item.span.start}
    inner = FileScope(scope.file, earlier, scope.imports, scope.used)
    value = StaticEvaluator(evaluator.context, inner, {}, evaluator.instantiate).value(item.value)
    if isinstance(item, tree.Format) and not isinstance(value, FormatValue):
        raise evaluator.expected("a format", value, item.value.span)
    if isinstance(value, Unit | MemberValue | ParameterValue):
        message = f"a constant cannot be {describe(value)}"
        raise evaluator.context.stop("Q201", message, item.value.span)
    return value


def language_name(text: str, span: Span | None) -> Val:
    """A format family, layer kind or function of the language, None when there is none."""
    if text in names(qdsl.formats):
        return FormatValue(text, span=span)
    if layer := layer_kind(text):
        return layer
    return FunctionName(text) if text in table() else None


def language_names() -> tuple[str, ...]:
    return (*names(qdsl.formats), *(k.name for k in layer_kinds()), *table())


def layer_kind(text: str) -> LayerKind | None:
    if not text[:1].isupper() or text.lower() not in names(qdsl.layers):
        return None
    layer = member_class(qdsl.layers, text.lower(), Layer)
    return LayerKind(text, layer) if layer.__name__ == text else None


def layer_kinds() -> tuple[LayerKind, ...]:
    """Every layer kind; imports them all, so only for lists and suggestions."""
    found = (member_class(qdsl.layers, n, Layer) for n in names(qdsl.layers))
    return tuple(LayerKind(x.__name__, x) for x in found)
