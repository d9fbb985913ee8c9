"""Walks over the expressions and statements of a tree, whatever they mean."""

from collections.abc import Iterable, Iterator
from typing import assert_never

from qdsl.syntax import tree

Part = tree.Expr | tree.Slice | tree.Whole


def children(e: Part) -> Iterator[Part]:
    """The expressions directly below one; statements of branches are not among them."""
    match e:
        case tree.Name() | tree.Integer() | tree.Float() | tree.String() | tree.Whole():
            pass
        case tree.Boolean() | tree.NoneLiteral():
            pass
        case tree.Call(callee=callee, arguments=arguments):
            yield callee
            yield from (a.value for a in arguments)
        case tree.Binary(left=left, right=right) | tree.Arrow(left=left, right=right):
            yield left
            yield right
        case tree.Pipe(value=value, call=call):
            yield value
            yield call
        case _:
            yield from _inner(e)


def _inner(
    e: tree.Attribute
    | tree.Unary
    | tree.IsNone
    | tree.If
    | tree.Array
    | tree.Subscript
    | tree.Slice
    | tree.Sparse
    | tree.Repeat,
) -> Iterator[Part]:
    match e:
        case tree.Attribute(value=value) | tree.Sparse(value=value):
            yield value
        case tree.Unary(operand=operand) | tree.IsNone(operand=operand):
            yield operand
        case tree.If(condition=condition, then=then, other=other):
            yield from (condition, *then.values, *other.values)
        case tree.Array(elements=elements):
            yield from elements
        case tree.Subscript(value=value, indices=indices):
            yield from (value, *indices)
        case tree.Slice(start=start, stop=stop):
            yield from (x for x in (start, stop) if x is not None)
        case tree.Repeat(count=count, body=body):
            yield from (count, body)
        case _:
            assert_never(e)


def expressions(e: Part) -> Iterator[Part]:
    """An expression and all below it; statements of branches are not among them."""
    yield e
    for child in children(e):
        yield from expressions(child)


def roots(statement: tree.Statement) -> Iterator[Part]:
    """The expressions that stand directly in a statement."""
    match statement:
        case tree.Assign(value=value):
            yield value
        case tree.Return(values=values):
            yield from values
        case tree.For(range=range):
            yield range
        case _:
            assert_never(statement)


def statements(body: Iterable[tree.Statement]) -> Iterator[tree.Statement]:
    """Every statement of a body, those of loops and branches included."""
    for statement in body:
        yield statement
        for root in roots(statement):
            yield from _of_branches(root)
        if isinstance(statement, tree.For):
            yield from statements(statement.body)


def _of_branches(e: Part) -> Iterator[tree.Statement]:
    if isinstance(e, tree.If):
        yield from statements((*e.then.statements, *e.other.statements))
    for child in children(e):
        yield from _of_branches(child)
