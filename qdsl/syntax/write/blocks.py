"""Lays out blocks and models: parameters, members and functions."""

from typing import assert_never

from qdsl.syntax import tree
from qdsl.syntax.comments import Comments
from qdsl.syntax.layout import Doc, Group, Line, Nest, joined
from qdsl.syntax.write.expressions import POSTFIX, expression, statement
from qdsl.syntax.write.lists import body, bracketed


def block(comments: Comments, node: tree.Block) -> Doc:
    start = end = node.name.span.end
    region = (start, node.span.end)
    if node.parameters:
        end = comments.closer(node.parameters[-1].span.end)
    head = bracketed(comments, "()", node.parameters, parameter, (start, end))
    return [
        "model " if node.is_model else "block ",
        node.name.text,
        head,
        _where(comments, node.where),
        body(comments, node.members, member, region),
    ]


def _where(comments: Comments, conditions: tuple[tree.Expr, ...]) -> Doc:
    if not conditions:
        return ""
    docs = [expression(comments, condition) for condition in conditions]
    return [" where ", Group(Nest(joined([",", Line()], docs)))]


def parameter(comments: Comments, node: tree.Parameter) -> Doc:
    kind = f"[{node.type.text}]" if node.is_list else node.type.text
    return [f"{node.name.text}: {kind}", _default(comments, node.default)]


def _default(comments: Comments, value: tree.Expr | None) -> Doc:
    return [" = ", expression(comments, value)] if value else ""


def member(comments: Comments, node: tree.BlockMember) -> Doc:
    match node:
        case tree.Member(name, value):
            return [name.text, " = ", expression(comments, value)]
        case tree.Const():
            return const(comments, node)
        case tree.ParameterMember(name, kind, init):
            head: Doc = [f"parameter {name.text}: ", type_(comments, kind)]
            return [head, " = ", expression(comments, init)]
        case tree.Tie(alias, owner):
            left = expression(comments, alias, POSTFIX)
            return ["tie ", left, " = ", expression(comments, owner, POSTFIX)]
        case tree.Function():
            return function(comments, node)
        case _:
            assert_never(node)


def const(comments: Comments, node: tree.Const) -> Doc:
    return [f"const {node.name.text} = ", expression(comments, node.value)]


def function(comments: Comments, node: tree.Function) -> Doc:
    """An entry of one `return`, most often a mere call, stands on one line where it fits."""
    name = "forward" if node.kind == "forward" else f"{node.kind} {node.name.text}"
    start = end = node.name.span.end
    if node.inputs:
        end = comments.closer(node.inputs[-1].span.end)
    head: list[Doc] = [name, bracketed(comments, "()", node.inputs, input_, (start, end))]
    if node.results is not None:
        results = [type_(comments, result) for result in node.results]
        head += [" -> ", Group(Nest(joined([",", Line()], results)))]
    inline = node.kind == "entry" and len(node.body) == 1 and isinstance(node.body[0], tree.Return)
    inside = body(comments, node.body, statement, (start, node.span.end), inline=inline)
    return Group([head, inside])


def input_(comments: Comments, node: tree.Input) -> Doc:
    return [f"{node.name.text}: ", type_(comments, node.type), _default(comments, node.default)]


def type_(comments: Comments, node: tree.Type) -> Doc:
    match node:
        case tree.TensorType(dtype, dims):
            region = (dtype.span.end, node.span.end)
            return [dtype.text, bracketed(comments, "[]", dims, expression, region) if dims else ""]
        case tree.ArrayType(element, count):
            return ["[", type_(comments, element), "; ", expression(comments, count), "]"]
        case _:
            assert_never(node)
