"""Lays out expressions and types, with parentheses where they are needed."""

from typing import assert_never

from qdsl.syntax import tree
from qdsl.syntax.comments import Comments
from qdsl.syntax.layout import Doc, Group, Line, Nest, joined, render
from qdsl.syntax.write.lists import body, bracketed

# how tightly each binds; what stands in the place of an operand must bind as tightly as asked
LOOSE, PIPE, OR, AND, NOT, COMPARISON, SUM, PRODUCT, SIGN, POSTFIX, ATOM = range(11)

BINARY = {
    "or": (OR, OR, AND),
    "and": (AND, AND, NOT),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), (COMPARISON, SUM, SUM)),
    **dict.fromkeys(("+", "-"), (SUM, SUM, PRODUCT)),
    **dict.fromkeys(("*", "/", "//", "%"), (PRODUCT, PRODUCT, SIGN)),
}
"""Of each operator how tightly it binds, and what it asks of its two operands."""


def expression(comments: Comments, node: tree.Expr, place: int = LOOSE) -> Doc:
    """The expression where one that binds at least as tightly as `place` may stand."""
    doc = _bare(comments, node)
    return ["(", doc, ")"] if binding(node) < place else doc


def binding(node: tree.Expr) -> int:
    """How tightly an expression binds."""
    match node:
        case tree.Binary(operator):
            return BINARY[operator][0]
        case tree.Unary(operator):
            return SIGN if operator == "-" else NOT
        case tree.Pipe():
            return PIPE
        case tree.IsNone():
            return COMPARISON
        case tree.Attribute() | tree.Call() | tree.Subscript():
            return POSTFIX
        case tree.If() | tree.Repeat() | tree.Arrow() | tree.Sparse():
            return LOOSE
        case _:
            return ATOM


def _sparsity(sparsity: tree.Ratio | tree.Share) -> str:
    match sparsity:
        case tree.Ratio(kept, group):
            return f"{kept}:{group}"
        case tree.Share(percent):
            return f"{percent}%"
        case _:
            assert_never(sparsity)


def _bare(comments: Comments, node: tree.Expr) -> Doc:
    match node:
        case tree.Binary() | tree.Pipe():
            return chain(comments, node)
        case tree.Unary(operator, operand):
            space = "" if operator == "-" else " "
            return [operator, space, expression(comments, operand, binding(node))]
        case tree.IsNone(operand, negated):
            return [expression(comments, operand, SUM), " is not none" if negated else " is none"]
        case tree.Arrow(left, right):
            return [expression(comments, left), " -> ", expression(comments, right)]
        case tree.Sparse(value, sparsity):
            return [expression(comments, value), " sparse ", _sparsity(sparsity)]
        case tree.Attribute() | tree.Call() | tree.Subscript() | tree.Array():
            return _postfix(comments, node)
        case tree.If() | tree.Repeat():
            return _braced(comments, node)
        case _:
            return _literal(node)


Literal = tree.Integer | tree.Float | tree.String | tree.Boolean | tree.NoneLiteral | tree.Name


def _literal(node: Literal) -> str:
    match node:
        case tree.Integer(_, text) | tree.Float(_, text) | tree.Name(text):
            return text
        case tree.String(value):
            return quoted(value)
        case tree.Boolean(value):
            return "true" if value else "false"
        case tree.NoneLiteral():
            return "none"
        case _:
            assert_never(node)


def _braced(comments: Comments, node: tree.If | tree.Repeat) -> Doc:
    match node:
        case tree.If():
            return Group(_choice(comments, node))
        case tree.Repeat(count, index, value):
            named = f" as {index.text}" if index else ""
            region = (count.span.end, node.span.end)
            inside = body(comments, [value], expression, region, inline=True)
            return Group(["repeat ", expression(comments, count), named, inside])


def _choice(comments: Comments, node: tree.If) -> list[Doc]:
    """All ways of an `if` with its `else if`s, to be broken together."""
    way = ["if ", expression(comments, node.condition), branch(comments, node.then), " else"]
    match node.other:
        case tree.Branch((), (tree.If() as chained,)):
            return [*way, " ", *_choice(comments, chained)]
        case other:
            return [*way, branch(comments, other)]


def _postfix(
    comments: Comments, node: tree.Attribute | tree.Call | tree.Subscript | tree.Array
) -> Doc:
    match node:
        case tree.Attribute(value, name):
            # a number takes the dot for its own
            place = ATOM + 1 if isinstance(value, tree.Integer | tree.Float) else POSTFIX
            return [expression(comments, value, place), ".", name.text]
        case tree.Call(callee, arguments):
            region = (callee.span.end, node.span.end)
            head = expression(comments, callee, POSTFIX)
            return [head, bracketed(comments, "()", arguments, argument, region)]
        case tree.Subscript(value, indices):
            region = (value.span.end, node.span.end)
            head = expression(comments, value, POSTFIX)
            return [head, bracketed(comments, "[]", indices, index, region)]
        case tree.Array(elements):
            region = (node.span.start, node.span.end)
            return bracketed(comments, "[]", elements, expression, region)


def chain(comments: Comments, node: tree.Binary | tree.Pipe) -> Doc:
    """Operators that bind alike, broken before each of them together."""
    tightness = binding(node)
    links: list[tuple[str, tree.Expr, int]] = []
    first: tree.Expr = node
    while isinstance(first, tree.Binary | tree.Pipe) and binding(first) == tightness:
        if isinstance(first, tree.Pipe):
            links.append(("|>", first.call, OR))
            first = first.value
        else:
            links.append((first.operator, first.right, BINARY[first.operator][2]))
            first = first.left
        if tightness == COMPARISON:
            break
    place = SUM if tightness == COMPARISON else tightness
    rest: list[Doc] = []
    for operator, operand, asked in reversed(links):
        rest += [Line(), operator, " ", expression(comments, operand, asked)]
    return Group([expression(comments, first, place), Nest(rest)])


def branch(comments: Comments, node: tree.Branch) -> Doc:
    """` { … }` of an `if`: its values, below its statements where it has any."""
    final = tree.Return(node.values, node.values[0].span.to(node.values[-1].span))
    values = joined([",", Line()], [expression(comments, value) for value in node.values])
    # without the semicolon these would go on with the statement before
    ends = ";" if render(values).startswith(("-", "(", "[")) else ""

    def write(comments: Comments, part: tree.Statement) -> Doc:
        if part is final:
            return Group(values)
        return [statement(comments, part), ends if part is node.statements[-1] else ""]

    region, inline = (node.span.start, node.span.end), not node.statements
    return body(comments, [*node.statements, final], write, region, inline=inline)


def statement(comments: Comments, node: tree.Statement) -> Doc:
    match node:
        case tree.Assign(targets, value):
            return [", ".join(name.text for name in targets), " = ", expression(comments, value)]
        case tree.Return(values):
            first, *rest = [expression(comments, value) for value in values]
            return Group(["return ", first, Nest([[",", Line(), value] for value in rest])])
        case tree.For(index, span, statements):
            head: Doc = [f"for {index.text} in ", range_(comments, span)]
            return [head, body(comments, statements, statement, (span.span.end, node.span.end))]
        case _:
            assert_never(node)


def argument(comments: Comments, node: tree.Argument) -> Doc:
    name = f"{node.name.text} = " if node.name else ""
    return [name, "each " if node.each else "", expression(comments, node.value)]


def index(comments: Comments, node: tree.Expr | tree.Slice | tree.Whole) -> Doc:
    match node:
        case tree.Whole():
            return ":"
        case tree.Slice():
            return range_(comments, node)
        case _:
            return expression(comments, node)


def range_(comments: Comments, node: tree.Slice) -> Doc:
    start = expression(comments, node.start) if node.start else ""
    return [start, "..", expression(comments, node.stop) if node.stop else ""]


def quoted(value: str) -> str:
    """A string in its quotes."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
