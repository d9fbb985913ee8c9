"""Makes the members of one block: constants, layers, blocks, repeats, parameters and ties."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from qdsl.diagnostic.suggest import suggestion
from qdsl.ir.model import Module, Parameter, Role
from qdsl.sema.context import Context, Stop
from qdsl.sema.initialisers import initialiser
from qdsl.sema.limits import ELEMENT, MAX_PARTS, MAX_REPEAT
from qdsl.sema.members import MemberEvaluator
from qdsl.sema.static import Instantiate, StaticEvaluator
from qdsl.sema.values import (
    BlockValue,
    LayerKind,
    MemberValue,
    ParameterValue,
    Poison,
    Repeated,
    TieValue,
    Unit,
    Val,
)
from qdsl.source import Span
from qdsl.syntax import tree


@dataclass(eq=False)
class Interior:
    """A block while its members are made; `names` holds its arguments at first."""

    context: Context
    instantiate: Instantiate
    block: BlockValue
    names: dict[str, Val]
    parameters: list[Parameter] = field(default_factory=list)
    members: dict[str, Module | tuple[Module, ...]] = field(default_factory=dict)
    places: dict[str, Span] = field(default_factory=dict)
    ties: list[TieValue] = field(default_factory=list)
    parts: int = 1
    numel: int = 0
    whole: bool = True

    def add(self, member: tree.BlockMember) -> None:
        """Makes one member; what fails is reported, and its name known as broken."""
        if isinstance(member, tree.Function):
            return
        try:
            match member:
                case tree.Tie(alias=alias, owner=owner, span=span):
                    self.ties.append(TieValue(self._path(alias), self._path(owner), span))
                case _:
                    # a name defined twice is reported by a check; the first one counts
                    if member.name.text not in self.names:
                        self.names[member.name.text] = self._made(member)
        except Stop:
            self.whole = False
            if not isinstance(member, tree.Tie):
                self.names[member.name.text] = Poison()

    def finish(self) -> Unit:
        definition = self.block.definition
        name, span = definition.name.text, definition.name.span
        module = Module(name, False, tuple(self.parameters), self.members, span, self.places)
        return Unit(
            module=module,
            definition=self.block,
            names=self.names,
            ties=tuple(self.ties),
            parts=self.parts,
            numel=self.numel,
            whole=self.whole,
        )

    def _made(self, member: tree.Const | tree.Member | tree.ParameterMember) -> Val:
        match member:
            case tree.Const(value=value):
                return self._evaluator(self.names).value(value)
            case tree.Member(name=name, value=value):
                return self._member(name.text, self._value(value), value.span)
            case tree.ParameterMember(name=name):
                parameter = self._parameter(member)
                self.parameters.append(parameter)
                self._count(1, parameter.numel, member.span)
                return ParameterValue(name.text)

    def _evaluator(self, names: Mapping[str, Val]) -> StaticEvaluator:
        return StaticEvaluator(self.context, self.block.scope, names, self.instantiate)

    # ---- layers, blocks, repeats -------------------------------------------------------------

    def _value(self, e: tree.Expr) -> Val:
        """A member's value; `repeat` stands here, and in the branches of an `if`."""
        match e:
            case tree.Repeat():
                return self._repeat(e)
            case tree.If(condition=condition, then=then, other=other):
                evaluator = self._evaluator(self.names)
                branch = then if evaluator.boolean(condition) else other
                if not branch.statements and len(branch.values) == 1:
                    return self._value(branch.values[0])
        return self._evaluator(self.names).value(e)

    def _repeat(self, e: tree.Repeat) -> Repeated:
        count = self._evaluator(self.names).integer(e.count)
        if not 0 <= count <= MAX_REPEAT:
            message = f"`repeat` of {count:,} elements"
            help = f"the limit is {MAX_REPEAT:,}" if count > 0 else "it takes 0 elements or more"
            raise self.context.stop("Q208", message, e.count.span, help=help)
        if isinstance(e.body, tree.Repeat):
            help = "make the inner `repeat` a member of a block"
            raise self.context.stop("Q201", "`repeat` of a `repeat`", e.body.span, help=help)
        elements: list[Unit] = []
        for i in range(count):
            # without an index every element is the same value, made once
            if elements and e.index is None:
                elements += elements * (count - 1)
                break
            self.context.tick(e.span, ELEMENT)
            elements.append(self._element(e, i))
        return Repeated(tuple(elements), self._kind(e))

    def _element(self, e: tree.Repeat, i: int) -> Unit:
        names = {**self.names, e.index.text: i} if e.index else self.names
        evaluator = self._evaluator(names)
        element = evaluator.value(e.body)
        if not isinstance(element, Unit):
            raise evaluator.expected("a layer or a block", element, e.body.span)
        return element

    def _kind(self, e: tree.Repeat) -> BlockValue | LayerKind | None:
        """What the elements are made of; without an element only where the call names it."""
        if not isinstance(e.body, tree.Call):
            return None
        names = {**self.names, e.index.text: 0} if e.index else self.names
        kind = self._evaluator(names).value(e.body.callee)
        return kind if isinstance(kind, BlockValue | LayerKind) else None

    def _member(self, name: str, value: Val, span: Span) -> Val:
        match value:
            case Unit(module=module):
                self._count(value.parts, value.numel, span)
                self.members[name], self.places[name] = module, span
                self.whole = self.whole and value.whole
            case Repeated(units):
                parts, numel = sum(u.parts for u in units), sum(u.numel for u in units)
                self._count(parts, numel, span)
                self.members[name], self.places[name] = tuple(u.module for u in units), span
                self.whole = self.whole and all(u.whole for u in units)
            case None:
                pass
            case _:
                evaluator = self._evaluator(self.names)
                raise evaluator.expected("a layer, a block or `none`", value, span)
        return value

    def _count(self, parts: int, numel: int, span: Span) -> None:
        self.parts += parts
        self.numel += numel
        if self.parts > MAX_PARTS:
            name = self.block.definition.name.text
            message = f"`{name}` unrolls to {self.parts:,} layers and weights"
            help = f"the limit is {MAX_PARTS:,}"
            raise self.context.stop("Q208", message, span, help=help)

    # ---- parameters and ties -----------------------------------------------------------------

    def _parameter(self, member: tree.ParameterMember) -> Parameter:
        if member.type.dtype.text != "f32":
            message = f"a parameter is f32, not `{member.type.dtype.text}`"
            raise self.context.stop("Q201", message, member.type.dtype.span)
        evaluator = self._evaluator(self.names)
        shape = tuple(evaluator.integer(d) for d in member.type.dims)
        for n, d in zip(shape, member.type.dims, strict=True):
            if n < 1:
                message = f"dim of a parameter is {n}, must be at least 1"
                raise self.context.stop("Q206", message, d.span)
        init = initialiser(member.init, evaluator)
        rows = 1 if len(shape) > 1 else 0
        return Parameter(member.name.text, shape, Role.WEIGHT, init, rows, member.span)

    def _path(self, e: tree.Expr) -> str:
        """`joint.output.weight` as a path below this block, checked to be a weight."""
        if isinstance(e, tree.Name) and isinstance(self.names.get(e.text), ParameterValue):
            return e.text
        if isinstance(e, tree.Name) and isinstance(self.names.get(e.text), Poison):
            raise Stop
        if isinstance(e, tree.Attribute):
            names = self.names
            value = MemberEvaluator(self.context, self.block.scope, names, self.instantiate).value(
                e.value
            )
            if isinstance(value, MemberValue) and isinstance(value.unit, Unit):
                known = [p.name for p in value.unit.module.parameters]
                if e.name.text in known:
                    return f"{value.path}.{e.name.text}"
                help = suggestion(e.name.text, known)
                message = f"`{value.unit.kind}` has no weight `{e.name.text}`"
                raise self.context.stop("Q101", message, e.name.span, help=help)
        help = "as in `tie joint.output.weight = prediction.embedding.weight`"
        raise self.context.stop("Q201", "expected the path of a weight", e.span, help=help)
