"""Makes the symbols that items and blocks define."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import assert_never

from qdsl.ir.layer import Layer
from qdsl.lsp.symbol import Kind, Symbol, word
from qdsl.record import record
from qdsl.sema.language import layer_functions, layer_kind
from qdsl.sema.scope import Definition, FileScope
from qdsl.sema.signature import dim_names, is_dim_name
from qdsl.sema.walk import expressions, statements
from qdsl.syntax import tree

DEPTH = 32  # of members that stand for members


def item_kind(item: tree.Item) -> Kind:
    match item:
        case tree.Import():
            return Kind.MODULE
        case tree.Const():
            return Kind.CONST
        case tree.Format():
            return Kind.FORMAT
        case tree.Block(is_model=is_model):
            return Kind.MODEL if is_model else Kind.BLOCK
        case tree.Policy():
            return Kind.POLICY
        case tree.Budget():
            return Kind.BUDGET
        case tree.Recipe():
            return Kind.RECIPE
        case tree.Target():
            return Kind.TARGET
        case tree.Variant():
            return Kind.VARIANT
        case _:
            assert_never(item)


def item_symbol(item: Definition) -> Symbol:
    return Symbol(item_kind(item), item.name.text, item.name.span, item)


@record
class Shape:
    """What stands behind a member: a block with the file it is written in, or a layer kind."""

    block: "BlockNames | None" = None
    layer: type[Layer] | None = None

    def find(self, name: str) -> Symbol | None:
        """The member, function or weight of that name."""
        if self.block:
            return self.block.symbols.get(name)
        return word(name) if self.layer and name in layer_functions(self.layer) else None


@dataclass(frozen=True, eq=False)
class BlockNames:
    """The one namespace of a block: parameters, members, constants, weights, functions."""

    block: tree.Block
    scope: FileScope

    @cached_property
    def symbols(self) -> Mapping[str, Symbol]:
        found: dict[str, Symbol] = {}
        for symbol in self._symbols():
            found.setdefault(symbol.name, symbol)
        return found

    def _symbols(self) -> Iterator[Symbol]:
        for p in self.block.parameters:
            yield Symbol(Kind.PARAMETER, p.name.text, p.name.span, p, self.block)
        for member in self.block.members:
            if not isinstance(member, tree.Tie):
                kind = _member_kind(member)
                yield Symbol(kind, member.name.text, member.name.span, member, self.block)

    def function(self, name: str) -> "FunctionNames | None":
        symbol = self.symbols.get(name)
        if symbol and isinstance(symbol.node, tree.Function):
            return FunctionNames(symbol.node, self)
        return None

    def shape(self, e: tree.Expr, depth: int = DEPTH) -> Shape:
        """What an expression that stands for a member, or makes one, is; nothing too far off."""
        depth -= 1
        match e:
            case _ if not depth:
                return Shape()  # such as a member that stands for itself
            case tree.Name(text=text):
                node = self.symbols[text].node if text in self.symbols else None
                return self.shape(node.value, depth) if isinstance(node, tree.Member) else Shape()
            case tree.Call(callee=tree.Name(text=text)):
                return shape_of(text, self.scope)
            case tree.Repeat(body=body):
                return self.shape(body, depth)
            case tree.If(then=then, other=other):
                made = (self.shape(v, depth) for b in (then, other) for v in b.values)
                return next((s for s in made if s.block or s.layer), Shape())
            case tree.Subscript(value=value):
                return self.shape(value, depth)
            case tree.Attribute(value=value, name=name):
                inner = self.shape(value, depth).block
                return inner.shape(name, depth) if inner else Shape()
            case _:
                return Shape()

    def below(self) -> Mapping[str, Shape]:
        """Its members by name."""
        members = (m for m in self.block.members if isinstance(m, tree.Member))
        return {m.name.text: self.shape(m.value) for m in members}


def shape_of(name: str, scope: FileScope) -> Shape:
    """What a call of that name makes."""
    entry = scope.entries.get(name)
    if entry and isinstance(entry.item, tree.Block):
        return Shape(BlockNames(entry.item, entry.scope))
    kind = layer_kind(name)
    return Shape(layer=kind.layer) if kind else Shape()


@dataclass(frozen=True, eq=False)
class FunctionNames:
    """The names inside a function: its inputs, what it binds, and its dims."""

    function: tree.Function
    block: BlockNames

    @cached_property
    def symbols(self) -> Mapping[str, Symbol]:
        found: dict[str, Symbol] = {}
        for symbol in self._symbols():
            found.setdefault(symbol.name, symbol)
        return found

    def find(self, name: str) -> Symbol | None:
        return self.symbols.get(name) or self.block.symbols.get(name)

    def _symbols(self) -> Iterator[Symbol]:
        owner = self.block.block
        for i in self.function.inputs:
            yield Symbol(Kind.INPUT, i.name.text, i.name.span, i, owner)
        types = (*(i.type for i in self.function.inputs), *(self.function.results or ()))
        known = dim_names(types)
        for e in dims(types):
            if e.text in known:
                yield Symbol(Kind.DIM, e.text, e.span, e, owner)
        for statement in statements(self.function.body):
            match statement:
                case tree.Assign(targets=targets):
                    for t in targets:
                        if t.text != "_":
                            yield Symbol(Kind.LOCAL, t.text, t.span, t, owner)
                case tree.For(index=index):
                    yield Symbol(Kind.INDEX, index.text, index.span, index, owner)
                case tree.Return():
                    pass


def dims(types: tuple[tree.Type, ...]) -> Iterator[tree.Name]:
    """Names of dims in types, in order."""
    for type in types:
        match type:
            case tree.TensorType(dims=found):
                for d in found:
                    yield from (e for e in expressions(d) if is_dim_name(e))  # type: ignore[arg-type]
            case tree.ArrayType(element=element):
                yield from dims((element,))


def _member_kind(
    member: tree.Member | tree.Const | tree.ParameterMember | tree.Function,
) -> Kind:
    match member:
        case tree.Member():
            return Kind.MEMBER
        case tree.Const():
            return Kind.CONST
        case tree.ParameterMember():
            return Kind.WEIGHT
        case tree.Function(kind=kind):
            return Kind.ENTRY if kind == "entry" else Kind.FUNCTION
        case _:
            assert_never(member)
