"""Makes units of blocks and layers: arguments bound, members made, equal ones made once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from qdsl.diagnostic.suggest import suggestion
from qdsl.ir.layer import Layer, LayerError
from qdsl.ir.model import Module, Parameter, Role
from qdsl.sema.arguments import Given, bind_block, bind_layer, positional_and_named
from qdsl.sema.context import MAX_MODULES, MAX_REPEAT, Context, Stop
from qdsl.sema.members import MemberEvaluator
from qdsl.sema.static import StaticEvaluator
from qdsl.sema.values import (
    BlockValue,
    LayerKind,
    MemberValue,
    ParameterValue,
    Poison,
    Repeated,
    Static,
    TieValue,
    Unit,
    Val,
    describe,
)
from qdsl.source import Span
from qdsl.syntax import tree

T = TypeVar("T")
INITIALISERS = ("zeros", "ones", "normal", "xavier", "orthogonal")


@dataclass(eq=False)
class Units:
    """Makes units, each distinct one once."""

    context: Context
    made: dict[object, Unit | None] = field(default_factory=dict)
    derived: dict[tuple[int, object], Any] = field(default_factory=dict)

    def once(self, unit: Unit, derive: Callable[[Unit, Context], T]) -> T:
        """What `derive` makes of a unit, once: variants of one model share it."""
        key = (id(unit), derive)
        if key not in self.derived:
            self.derived[key] = derive(unit, self.context)
        found: T = self.derived[key]
        return found

    def instantiate(
        self, callee: BlockValue | LayerKind, call: tree.Call, evaluator: StaticEvaluator
    ) -> Unit:
        """The unit a call makes; raises Stop after reporting."""
        given = positional_and_named(call, evaluator)
        if isinstance(callee, LayerKind):
            return self._layer(callee, given, call.span)
        arguments = bind_block(callee, given, call, evaluator)
        return self.block(callee, arguments, call.span)

    def block(self, block: BlockValue, arguments: dict[str, Static], span: Span) -> Unit:
        """The unit of a block with all its arguments known."""
        key = (id(block.definition), *arguments.items())
        if key not in self.made:
            self.made[key] = None  # stays None when making it fails, which is reported once
            self._check_where(block, arguments, span)
            self.made[key] = self._make(block, arguments)
        unit = self.made[key]
        if unit is None:
            raise Stop
        return unit

    def _layer(self, kind: LayerKind, given: Given, span: Span) -> Unit:
        arguments = bind_layer(kind, given, span, self.context)
        key = (kind.name, *sorted(arguments.items()))
        if made := self.made.get(key):
            return made
        try:
            layer = kind.layer(**arguments)
            parameters = layer.parameters()
        except LayerError as wrong:
            raise self.context.stop("Q206", f"`{kind.name}`: {wrong}", span) from None
        own = tuple(_placed(p, span) for p in parameters)
        unit = Unit(Module(kind.name, True, own, {}, span), layer, {})
        self.made[key] = unit
        return unit

    def _check_where(self, block: BlockValue, arguments: dict[str, Static], span: Span) -> None:
        evaluator = StaticEvaluator(self.context, block.scope, arguments, self.instantiate)
        for condition in block.definition.where:
            if evaluator.boolean(condition):
                continue
            shown = ", ".join(f"{n} = {v}" for n, v in arguments.items() if isinstance(v, int | float))
            message = f"`{condition.span.text}` does not hold for `{block.definition.name.text}`"
            why = [(condition.span, "required here")]
            raise self.context.stop("Q207", message, span, shown, secondary=why)

    def _make(self, block: BlockValue, arguments: dict[str, Static]) -> Unit:
        maker = _BlockMaker(self, block, dict(arguments))
        for member in block.definition.members:
            try:
                maker.member(member)
            except Stop:
                if not isinstance(member, tree.Tie | tree.Function):
                    maker.names[member.name.text] = Poison()
        return maker.finish()


def _placed(parameter: Parameter, span: Span) -> Parameter:
    p = parameter
    return Parameter(p.name, p.shape, p.role, p.init, p.rows, span)


@dataclass(eq=False)
class _BlockMaker:
    units: Units
    block: BlockValue
    names: dict[str, Val]
    parameters: list[Parameter] = field(default_factory=list)
    members: dict[str, Module | tuple[Module, ...]] = field(default_factory=dict)
    ties: list[TieValue] = field(default_factory=list)
    modules: int = 1

    @property
    def evaluator(self) -> StaticEvaluator:
        return self._evaluator(self.names)

    def _evaluator(self, names: dict[str, Val]) -> StaticEvaluator:
        return StaticEvaluator(self.units.context, self.block.scope, names, self.units.instantiate)

    def finish(self) -> Unit:
        definition = self.block.definition
        module = Module(
            definition.name.text, False, tuple(self.parameters), self.members, definition.name.span
        )
        return Unit(module, self.block, self.names, tuple(self.ties), self.modules)  # type: ignore[arg-type]

    def member(self, member: tree.BlockMember) -> None:
        match member:
            case tree.Const(name=name, value=value):
                self._claim(name)
                self.names[name.text] = self.evaluator.value(value)
            case tree.Member(name=name, value=value):
                self._claim(name)
                self._add(name, self._value(value), value.span)
            case tree.ParameterMember(name=name):
                self._claim(name)
                self.parameters.append(self._parameter(member))
                self.names[name.text] = ParameterValue(name.text)
            case tree.Tie(alias=alias, owner=owner, span=span):
                self.ties.append(TieValue(self._path(alias), self._path(owner), span))
            case tree.Function():
                self._function_name(member)

    def _claim(self, name: tree.Name) -> None:
        if name.text in self.names:
            message = f"`{name.text}` is already a name of this block"
            help = "members, parameters and functions of a block share one namespace"
            raise self.units.context.stop("Q103", message, name.span, help=help)

    def _function_name(self, function: tree.Function) -> None:
        taken = [f for f in self.block.definition.members if isinstance(f, tree.Function)]
        first = next(f for f in taken if f.name.text == function.name.text)
        if function.name.text in self.names or first is not function:
            message = f"`{function.name.text}` is already a name of this block"
            raise self.units.context.stop("Q103", message, function.name.span)

    def _value(self, e: tree.Expr) -> Val:
        if isinstance(e, tree.Repeat):
            return self._repeat(e)
        return self.evaluator.value(e)

    def _repeat(self, e: tree.Repeat) -> Repeated:
        count = self.evaluator.integer(e.count)
        if not 0 <= count <= MAX_REPEAT:
            message = f"`repeat` of {count} elements"
            limit = f"the limit is {MAX_REPEAT}" if count > 0 else "must be at least 0"
            raise self.units.context.stop("Q208", message, e.count.span, limit)
        elements: list[Unit] = []
        for i in range(count):
            # without an index every element is the same value, made once
            if elements and e.index is None:
                elements.append(elements[0])
                continue
            names = {**self.names, e.index.text: i} if e.index else self.names
            element = self._evaluator(names).value(e.body)
            if not isinstance(element, Unit):
                raise self.evaluator.expected("a layer or a block", element, e.body.span)
            elements.append(element)
        return Repeated(tuple(elements))

    def _add(self, name: tree.Name, value: Val, span: Span) -> None:
        match value:
            case Unit():
                self.members[name.text] = value.module
                self._count(value.modules, span)
            case Repeated(units):
                self.members[name.text] = tuple(u.module for u in units)
                self._count(sum(u.modules for u in units), span)
            case None:
                pass
            case _:
                raise self.evaluator.expected("a layer, a block or `none`", value, span)
        self.names[name.text] = value

    def _count(self, modules: int, span: Span) -> None:
        self.modules += modules
        if self.modules > MAX_MODULES:
            message = f"model unrolls to more than {MAX_MODULES} modules"
            raise self.units.context.stop("Q208", message, span)

    def _parameter(self, member: tree.ParameterMember) -> Parameter:
        context, evaluator = self.units.context, self.evaluator
        if member.type.dtype.text != "f32":
            message = f"a parameter is f32, not `{member.type.dtype.text}`"
            raise context.stop("Q201", message, member.type.dtype.span)
        shape = tuple(evaluator.integer(d) for d in member.type.dims)
        if any(n < 1 for n in shape):
            raise context.stop("Q206", "every dim is at least 1", member.type.span)
        init = member.init.text if isinstance(member.init, tree.Name) else None
        if init not in INITIALISERS:
            help = "one of " + ", ".join(f"`{i}`" for i in INITIALISERS)
            raise context.stop("Q206", "unknown initialiser", member.init.span, help=help)
        rows = 1 if len(shape) > 1 else 0
        return Parameter(member.name.text, shape, Role.WEIGHT, str(init), rows, member.span)

    def _path(self, e: tree.Expr) -> str:
        """`joint.output.weight` as a path below this block, checked to be a parameter."""
        match e:
            case tree.Attribute(value=inner, name=name):
                if module := self._module(inner):
                    if name.text in [p.name for p in module[1].parameters]:
                        return f"{module[0]}.{name.text}"
                    known = [p.name for p in module[1].parameters]
                    help = suggestion(name.text, known)
                    message = f"`{inner.span.text}` has no parameter `{name.text}`"
                    raise self.units.context.stop("Q101", message, name.span, help=help)
            case tree.Name(text=text) if isinstance(self.names.get(text), ParameterValue):
                return text
        message = "`tie` takes paths of weights"
        help = "as in `tie joint.output.weight = prediction.embedding.weight`"
        raise self.units.context.stop("Q201", message, e.span, help=help)

    def _members(self) -> MemberEvaluator:
        outer = self.evaluator
        return MemberEvaluator(outer.context, outer.scope, outer.environment, outer.instantiate)

    def _module(self, e: tree.Expr) -> tuple[str, Module] | None:
        value = self._members().value(e)
        if isinstance(value, MemberValue) and isinstance(value.unit, Unit):
            return value.path, value.unit.module
        return None
