"""Finds what the names inside blocks and expressions mean."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import assert_never

from qdsl.lsp.definitions import BlockNames, FunctionNames, Shape, item_symbol, shape_of
from qdsl.lsp.symbol import Kind, Occurrence, Symbol, word
from qdsl.sema.language import DTYPES, language_name
from qdsl.sema.scope import VALUE_ITEMS, FileScope
from qdsl.sema.walk import Part, children
from qdsl.syntax import tree

Names = FunctionNames | BlockNames | None
Found = Iterator[Occurrence]


@dataclass(eq=False)
class BlockIndex:
    """The names of blocks of one file, each with its symbol; `indices` are of `repeat`s around."""

    scope: FileScope
    indices: list[Symbol] = field(default_factory=list)

    def named(self, *names: tree.Name | None) -> Found:
        """Names where only an item can stand."""
        for name in names:
            if name and (entry := self.scope.entries.get(name.text)):
                yield Occurrence(name.span, item_symbol(entry.item))

    def block(self, block: tree.Block) -> Found:
        names = BlockNames(block, self.scope)
        for p in block.parameters:
            yield Occurrence(p.name.span, names.symbols[p.name.text], True)
            yield Occurrence(p.type.span, word(p.type.text))
            yield from self._optional(p.default, names)
        for condition in block.where:
            yield from self.expression(condition, names)
        for member in block.members:
            if not isinstance(member, tree.Tie):
                yield Occurrence(member.name.span, names.symbols[member.name.text], True)
            yield from self._member(member, names)

    def _member(self, member: tree.BlockMember, names: BlockNames) -> Found:
        match member:
            case tree.Member(value=value) | tree.Const(value=value):
                yield from self.expression(value, names)
            case tree.ParameterMember(type=type):
                yield from self._type(type, names)
            case tree.Tie(alias=alias, owner=owner):
                yield from self.expression(alias, names)
                yield from self.expression(owner, names)
            case tree.Function():
                yield from self._function(member, FunctionNames(member, names))
            case _:
                assert_never(member)

    def _function(self, function: tree.Function, names: FunctionNames) -> Found:
        for i in function.inputs:
            yield Occurrence(i.name.span, names.symbols[i.name.text], True)
        for type in (*(i.type for i in function.inputs), *(function.results or ())):
            yield from self._type(type, names)
        yield from self._statements(function.body, names)

    def _type(self, type: tree.Type, names: Names) -> Found:
        match type:
            case tree.TensorType(dtype=dtype, dims=sizes):
                yield Occurrence(dtype.span, word(dtype.text))
                for d in sizes:
                    yield from self.expression(d, names)
            case tree.ArrayType(element=element, count=count):
                yield from self._type(element, names)
                yield from self.expression(count, names)

    def _statements(self, body: Iterable[tree.Statement], names: FunctionNames) -> Found:
        for statement in body:
            match statement:
                case tree.Assign(targets=targets, value=value):
                    yield from self.expression(value, names)
                    for t in targets:
                        if t.text in names.symbols:
                            yield Occurrence(t.span, names.symbols[t.text], True)
                case tree.For(index=at, range=range, body=inner):
                    yield from self.expression(range, names)
                    yield Occurrence(at.span, names.symbols[at.text], True)
                    yield from self._statements(inner, names)
                case tree.Return(values=values):
                    for value in values:
                        yield from self.expression(value, names)
                case _:
                    assert_never(statement)

    # ---- expressions -------------------------------------------------------------------------

    def _optional(self, e: tree.Expr | None, names: Names) -> Found:
        if e is not None:
            yield from self.expression(e, names)

    def expression(self, e: Part, names: Names) -> Found:
        match e:
            case tree.Name():
                yield from self._name(e, names)
            case tree.Attribute(value=value, name=name):
                yield from self.expression(value, names)
                yield from self.found(name, self._shape(value, names).find(name.text))
            case tree.Call():
                yield from self._call(e, names)
            case tree.If(condition=condition, then=then, other=other):
                yield from self.expression(condition, names)
                for branch in (then, other):
                    if isinstance(names, FunctionNames):
                        yield from self._statements(branch.statements, names)
                    for value in branch.values:
                        yield from self.expression(value, names)
            case tree.Repeat():
                yield from self._repeat(e, names)
            case _:
                for child in children(e):
                    yield from self.expression(child, names)

    def _name(self, e: tree.Name, names: Names) -> Found:
        yield from self.found(e, self.symbol(e.text, names))

    def found(self, name: tree.Name, symbol: Symbol | None) -> Found:
        if symbol:
            yield Occurrence(name.span, symbol)

    def symbol(self, text: str, names: Names) -> Symbol | None:
        """What a name means: inside out, then in the file, then in the language."""
        for symbol in reversed(self.indices):
            if symbol.name == text:
                return symbol
        if isinstance(names, FunctionNames) and (found := names.find(text)):
            return found
        if isinstance(names, BlockNames) and text in names.symbols:
            return names.symbols[text]
        entry = self.scope.entries.get(text)
        if entry and isinstance(entry.item, VALUE_ITEMS):
            return item_symbol(entry.item)
        return word(text) if text in DTYPES or language_name(text, None) else None

    def _shape(self, e: tree.Expr, names: Names) -> Shape:
        block = names.block if isinstance(names, FunctionNames) else names
        return block.shape(e) if block else Shape()

    def _repeat(self, e: tree.Repeat, names: Names) -> Found:
        yield from self.expression(e.count, names)
        if e.index is None:
            yield from self.expression(e.body, names)
            return
        symbol = Symbol(Kind.INDEX, e.index.text, e.index.span, e.index)
        yield Occurrence(e.index.span, symbol, True)
        self.indices.append(symbol)
        yield from self.expression(e.body, names)
        self.indices.pop()

    def _call(self, e: tree.Call, names: Names) -> Found:
        yield from self.expression(e.callee, names)
        for argument in e.arguments:
            if argument.name:
                yield from self.found(
                    argument.name, self._parameter(e.callee, argument.name, names)
                )
            yield from self.expression(argument.value, names)

    def _parameter(self, callee: tree.Expr, name: tree.Name, names: Names) -> Symbol | None:
        """What the name of an argument means: a parameter of a block, an input of a function."""
        match callee:
            case tree.Name(text=text) if (
                isinstance(names, FunctionNames)
                and (own := names.block.function(text))
                and text not in names.symbols
            ):
                return own.symbols.get(name.text)
            case tree.Name(text=text) if (made := shape_of(text, self.scope)).block:
                return made.block.symbols.get(name.text)
            case tree.Attribute(value=value, name=function) if (
                block := self._shape(value, names).block
            ) and (inner := block.function(function.text)):
                return inner.symbols.get(name.text)
        if (block := self._shape(callee, names).block) and (inner := block.function("forward")):
            return inner.symbols.get(name.text)
        return word(name.text)
