"""Makes blocks and models: parameters, members, functions and their statements."""

from collections.abc import Mapping

from qdsl.source import Span
from qdsl.syntax import tree
from qdsl.syntax.build.context import Build, Context

Inputs = tuple[tree.Input, ...]
Results = tuple[tree.Type, ...] | None
Statements = tuple[tree.Statement, ...]


def assign(
    context: Context, span: Span, targets: tuple[tree.Expr, ...], value: tree.Expr
) -> tree.Assign:
    names = tuple(t for t in targets if isinstance(t, tree.Name))
    for target in targets:
        is_tuple = isinstance(target, tree.Array) and target.span.text.startswith("(")  # reported
        if not isinstance(target, tree.Name) and not is_tuple:
            help = "only names stand before `=`: `a, b = f(x)`"
            context.report("Q014", "assignment to an expression", target.span, help=help)
    return tree.Assign(names, value, span)


def _block(is_model: bool) -> Build:
    def build(
        context: Context,
        span: Span,
        name: tree.Name,
        parameters: tuple[tree.Parameter, ...] | None,
        where: tuple[tree.Expr, ...] | None,
        members: tuple[tree.BlockMember, ...],
    ) -> tree.Block:
        doc = context.doc(span)
        return tree.Block(name, is_model, parameters or (), where or (), members, doc, span)

    return build


def _function(kind: str) -> Build:
    def build(
        context: Context,
        span: Span,
        name: tree.Name,
        inputs: Inputs,
        results: Results,
        body: Statements,
    ) -> tree.Function:
        return tree.Function(kind, name, inputs, results, body, context.doc(span), span)

    return build


def forward(
    context: Context, span: Span, inputs: Inputs, results: Results, body: Statements
) -> tree.Function:
    name = tree.Name("forward", Span(span.source, span.start, span.start + len("forward")))
    return tree.Function("forward", name, inputs, results, body, context.doc(span), span)


BLOCKS: Mapping[str, Build] = {
    "block": _block(is_model=False),
    "model": _block(is_model=True),
    "parameters": lambda c, s, *parameters: parameters,
    "parameter": lambda c, s, name, kind, default: tree.Parameter(name, kind, False, default, s),
    "list_parameter": lambda c, s, name, kind, default: tree.Parameter(
        name, kind, True, default, s
    ),
    "where": lambda c, s, *conditions: conditions,
    "members": lambda c, s, *members: members,
    "member": lambda c, s, name, value: tree.Member(name, value, c.doc(s), s),
    "const": lambda c, s, name, value: tree.Const(name, value, c.doc(s), s),
    "parameter_member": lambda c, s, name, kind, init: tree.ParameterMember(
        name, kind, init, c.doc(s), s
    ),
    "tie": lambda c, s, alias, owner: tree.Tie(alias, owner, s),
    "function": _function("fn"),
    "entry": _function("entry"),
    "forward": forward,
    "inputs": lambda c, s, *inputs: inputs,
    "input": lambda c, s, name, kind, default: tree.Input(name, kind, default, s),
    "results": lambda c, s, *results: results,
    "statements": lambda c, s, *statements: statements,
    "assign": assign,
    "for": lambda c, s, index, range_, body: tree.For(index, range_, body, s),
    "return": lambda c, s, values: tree.Return(values, s),
}
