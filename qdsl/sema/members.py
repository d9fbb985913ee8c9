"""Reaches members of members, and elements of a `repeat`."""

from qdsl.diagnostic.suggest import suggestion
from qdsl.sema.expression import Evaluator
from qdsl.sema.static import StaticEvaluator
from qdsl.sema.values import MemberValue, Repeated, Unit, Val
from qdsl.syntax import tree


class MemberEvaluator(StaticEvaluator):
    """Also evaluates `joint.output` and `blocks[0]`."""

    def attribute(self, e: tree.Attribute) -> Val:
        return member_of(self, self.value(e.value), e)

    def subscript(self, e: tree.Subscript) -> Val:
        value = self.value(e.value)
        if isinstance(value, MemberValue):
            return element_of(self, value, e)
        return super().subscript(e)


def member_of(evaluator: Evaluator, value: Val, e: tree.Attribute) -> Val:
    """`value.name` of a member; reports Q101 when there is none."""
    if isinstance(value, MemberValue) and isinstance(value.unit, Unit):
        inner = value.unit.names.get(e.name.text)
        if isinstance(inner, Unit | Repeated):
            return MemberValue(inner, f"{value.path}.{e.name.text}")
        known = [n for n, v in value.unit.names.items() if isinstance(v, Unit | Repeated)]
        help = suggestion(e.name.text, known)
        message = f"`{value.unit.kind}` has no member `{e.name.text}`"
        raise evaluator.context.stop("Q101", message, e.name.span, help=help)
    raise evaluator.expected("a block", value, e.value.span)


def element_of(evaluator: Evaluator, value: MemberValue, e: tree.Subscript) -> MemberValue:
    """`blocks[i]` of a `repeat`."""
    if not isinstance(value.unit, Repeated) or len(e.indices) != 1:
        raise evaluator.expected("a `repeat`", value, e.value.span)
    index, count = e.indices[0], len(value.unit.units)
    if isinstance(index, tree.Slice | tree.Whole):
        raise evaluator.context.stop("Q201", "one element is taken at a time", index.span)
    i = evaluator.integer(index)
    if not -count <= i < count:
        message = f"element {i} is outside the {count} of `{value.path}`"
        raise evaluator.context.stop("Q202", message, index.span)
    return MemberValue(value.unit.units[i % count], f"{value.path}[{i % count}]")
