"""Checks what the parser makes of each form of the language."""

import pytest

from qdsl.source import Source
from qdsl.syntax import parse, tree


def parsed(text: str) -> tree.File:
    file, diagnostics = parse(Source("test.qspec", f"qspec 1\n{text}"))
    assert not diagnostics, [d.message for d in diagnostics]
    return file


def expression(text: str) -> tree.Expr:
    (item,) = parsed(f"const a = {text}").items
    assert isinstance(item, tree.Const)
    return item.value


def shape(node: tree.Expr) -> str:
    """An expression with all its parentheses."""
    match node:
        case tree.Binary(operator, left, right):
            return f"({shape(left)} {operator} {shape(right)})"
        case tree.Pipe(value, call):
            return f"({shape(value)} |> {shape(call)})"
        case tree.Unary(operator, operand):
            return f"({operator} {shape(operand)})"
        case tree.IsNone(operand, negated):
            return f"({shape(operand)} is {'not ' if negated else ''}none)"
        case tree.Attribute(value, name):
            return f"{shape(value)}.{name.text}"
        case tree.Call(callee, arguments):
            return f"{shape(callee)}({', '.join(shape(a.value) for a in arguments)})"
        case tree.Arrow(left, right):
            return f"{shape(left)} -> {shape(right)}"
        case tree.Integer(value):
            return str(value)
        case tree.Name(text):
            return text
        case _:
            raise AssertionError(node)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * c - d", "((a + (b * c)) - d)"),
        ("a // b % c", "((a // b) % c)"),
        ("-a * -b.c", "((- a) * (- b.c))"),
        ("not a == b and c or d", "(((not (a == b)) and c) or d)"),
        ("a or b |> f(c) |> g", "(((a or b) |> f(c)) |> g)"),
        ("a + b is none", "((a + b) is none)"),
        ("not a is not none", "(not (a is not none))"),
        ("(a |> f) + 1", "((a |> f) + 1)"),
        ("f(a + 1 -> b)(c).d", "f((a + 1) -> b)(c).d"),
        ("transpose(B, T, d -> B, d, T)", "transpose(B, T, d -> B, d, T)"),
    ],
)
def test_precedence(text: str, expected: str) -> None:
    assert shape(expression(text)) == expected


def test_arrows_are_arguments() -> None:
    call = expression("transpose(B, T, d -> B, d, T)")
    assert isinstance(call, tree.Call)
    kinds = [type(argument.value).__name__ for argument in call.arguments]
    assert kinds == ["Name", "Name", "Arrow", "Name", "Name"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1_000", 1000),
        ("0.5", 0.5),
        ("1e-3", 1e-3),
        ('"a\\"b\\\\c\\n"', 'a"b\\c\n'),
        ("true", True),
    ],
)
def test_literals(text: str, value: object) -> None:
    assert getattr(expression(text), "value") == value  # noqa: B009


def test_subscripts() -> None:
    node = expression("x[:, a..b, ..3, 2.., .., none, -1]")
    assert isinstance(node, tree.Subscript)
    kinds = [type(index).__name__ for index in node.indices]
    assert kinds == ["Whole", "Slice", "Slice", "Slice", "Slice", "NoneLiteral", "Unary"]


def test_spans_are_the_text_of_the_node() -> None:
    node = expression("f(a, (b + c) * d)[0]")
    assert isinstance(node, tree.Subscript)
    assert node.span.text == "f(a, (b + c) * d)[0]"
    assert isinstance(node.value, tree.Call)
    product = node.value.arguments[1].value
    assert isinstance(product, tree.Binary)
    assert (product.span.text, product.left.span.text) == ("(b + c) * d", "(b + c)")


def test_keywords_are_names_elsewhere() -> None:
    file = parsed(
        "block A(block: int, format: int, x: int) {\n"
        "    policy = B(model = format, over = x.entry.const)\n"
        "    variant = import(budget, B, K, M, G)\n"
        "    fn tie(default: f32[B]) { forward = default; return forward(qspec) }\n"
        "}\n"
        "variant v { policy = p; budget = b; policy.x = 3; recipe = r; target = t }\n"
    )
    block, variant = file.items
    assert isinstance(block, tree.Block)
    assert isinstance(variant, tree.Variant)
    assert [getattr(member, "name").text for member in block.members] == [  # noqa: B009
        "policy",
        "variant",
        "tie",
    ]
    assert [s.path[0].text for s in variant.settings if isinstance(s, tree.Setting)] == [
        "policy",
        "budget",
        "policy",
        "recipe",
        "target",
    ]


def test_documentation_belongs_to_what_follows_it() -> None:
    file = parsed(
        "## Of nothing.\n\n"
        "## Of A,\n## in two lines.\n"
        "block A() {\n"
        "    ## Of x.\n    x = B()\n"
        "    y = B()  ## not documentation\n"
        "    ## Of f.\n    fn f(x: f32) { return x }\n"
        "}\n"
    )
    (block,) = file.items
    assert isinstance(block, tree.Block)
    assert block.doc == "Of A,\nin two lines."
    assert [getattr(member, "doc") for member in block.members] == [  # noqa: B009
        "Of x.",
        "",
        "Of f.",
    ]


def test_selectors() -> None:
    (policy,) = parsed("policy p { optional a.b*[0, -1, 2..].{c, *_d}.**:Linear { } }").items
    assert isinstance(policy, tree.Policy)
    (rule,) = policy.rules
    assert rule.optional
    assert rule.selector
    assert rule.selector.kind == tree.Name("Linear", rule.span)
    a, b, choice, rest = rule.selector.segments
    assert (a.globs, a.indices) == (("a",), None)
    assert b.globs == ("b*",)
    assert b.indices == (
        tree.IndexRange(0, 1, True, b.span),
        tree.IndexRange(-1, None, True, b.span),
        tree.IndexRange(2, None, False, b.span),
    )
    assert (choice.globs, rest.globs) == (("c", "*_d"), ("**",))


def test_budgets() -> None:
    (budget,) = parsed(
        "budget b { ratio(*) >= 5 x over f32; macs(encode, B = 1, T = 2) <= 1.5 G; bits(a,) < 50% }"
    ).items
    assert isinstance(budget, tree.Budget)
    units = [(limit.quantity.value, limit.quantity.unit) for limit in budget.limits]
    assert units == [(5.0, "x"), (1.5, "G"), (50.0, "%")]
    assert [len(limit.bindings) for limit in budget.limits] == [0, 2, 0]
    assert budget.limits[0].over == tree.Name("f32", budget.span)


def test_branches_of_a_compile_time_if() -> None:
    node = expression("if a { b = c; d = e; b, d } else if f { g } else { h, i }")
    assert isinstance(node, tree.If)
    assert (len(node.then.statements), len(node.then.values)) == (2, 2)
    (chained,) = node.other.values
    assert isinstance(chained, tree.If)
    assert len(chained.other.values) == 2


def test_imports() -> None:
    first, second, third = parsed(
        "import std.speech { A, B, }\nimport .x { C }\nimport ...y.z { D }"
    ).items
    assert isinstance(first, tree.Import)
    assert isinstance(second, tree.Import)
    assert isinstance(third, tree.Import)
    assert (first.relative, [n.text for n in first.module]) == (0, ["std", "speech"])
    assert (second.relative, third.relative) == (1, 3)


def test_only_comments_stand_before_the_edition() -> None:
    file, diagnostics = parse(Source("test.qspec", "# a\n\n## b\n  qspec  # c\n 1 const a = 1"))
    assert not diagnostics
    assert len(file.items) == 1
    assert [comment.own_line for comment in file.comments] == [True, True, False]
