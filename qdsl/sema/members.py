"""Reaches members of members, and elements of a `repeat`."""

from collections.abc import Iterable, Mapping

from qdsl.diagnostic.suggest import suggestion
from qdsl.ir.builder import Value
from qdsl.sema.context import Stop
from qdsl.sema.describe import describe
from qdsl.sema.habits import method_help
from qdsl.sema.language import is_function
from qdsl.sema.static import StaticEvaluator
from qdsl.sema.values import MemberValue, Poison, Repeated, Unit, Val
from qdsl.syntax import tree


class MemberEvaluator(StaticEvaluator):
    """Also evaluates `joint.output` and `blocks[0]`."""

    def attribute(self, e: tree.Attribute) -> Val:
        return self.member(self.value(e.value), e)

    def element(self, value: Val, e: tree.Subscript) -> Val:
        if not isinstance(value, MemberValue):
            return super().element(value, e)
        if not isinstance(value.unit, Repeated) or len(e.indices) != 1:
            raise self.expected("a `repeat`", value, e.value.span)
        index, count = e.indices[0], len(value.unit.units)
        if isinstance(index, tree.Slice | tree.Whole):
            raise self.context.stop("Q201", "one element is taken at a time", index.span)
        i = self.integer(index)
        if not -count <= i < count:
            message = f"element {i} is outside the {count} of `{value.path}`"
            raise self.context.stop("Q202", message, index.span)
        return MemberValue(value.unit.units[i % count], f"{value.path}[{i % count}]")

    def member(self, value: Val, e: tree.Attribute, functions: Iterable[str] = ()) -> MemberValue:
        """`value.name` of a member; reports Q101 when there is none, nor one of the functions."""
        if not isinstance(value, MemberValue):
            help = None
            if isinstance(value, Value):
                help = method_help(e.value.span.text, e.name.text, is_function(e.name.text))
            message = f"expected a member, found {describe(value)}"
            raise self.context.stop("Q201", message, e.value.span, help=help)
        names, kind = _interior(value.unit)
        inner = names.get(e.name.text)
        if isinstance(inner, Poison):
            raise Stop
        if not isinstance(inner, Unit | Repeated):
            members = [n for n, v in names.items() if isinstance(v, Unit | Repeated)]
            help = suggestion(e.name.text, [*members, *functions])
            what = "member or function" if functions else "member"
            message = f"{kind} has no {what} `{e.name.text}`"
            raise self.context.stop("Q101", message, e.name.span, "not found", help=help)
        if isinstance(value.unit, Repeated):
            message = f"`{value.path}` is a `repeat`"
            element = f"name one of its elements: `{e.value.span.text}[0].{e.name.text}`"
            raise self.context.stop("Q201", message, e.value.span, help=element)
        return MemberValue(inner, f"{value.path}.{e.name.text}")


def _interior(unit: Unit | Repeated) -> tuple[Mapping[str, Val], str]:
    """The names inside a block, and what to call it; of a `repeat`, those of its elements."""
    if isinstance(unit, Unit):
        return unit.names, f"`{unit.kind}`"
    if unit.units:
        return unit.units[0].names, f"`{unit.units[0].kind}`"
    return {}, "an empty `repeat`"
