"""Holds what is wrong in functions to one finding each."""

from collections.abc import Callable

import pytest

Codes = Callable[..., list[str]]


def net(body: str, members: str = "map = Linear(d -> d)", inputs: str = "x: f32[B, T, d]") -> str:
    return f"model Net(d: int = 8) {{ {members} entry run({inputs}) {{ {body} }} }}"


BLOCK = """
block Gate(d: int) {{
    map = Linear(d -> d)
    fn inner(x: f32[B, T, d]) -> f32[B, T, d] {{ return map(x) }}
    fn outer(x: f32[B, T, d], by: f32[B, T, d] = none) {{
        y = inner(x) |> inner
        return if by is none {{ y }} else {{ y * by }}
    }}
    forward(x: f32[B, T, d]) {{ return {forward} }}
}}
"""


def gated(body: str, forward: str = "outer(x)") -> str:
    return BLOCK.format(forward=forward) + net(body, members="gate = Gate(d)")


@pytest.mark.parametrize(
    ("forward", "expected"),
    [
        ("later(x)", ["Q101"]),
        ("forward(x)", ["Q213"]),
        ("map.weight", ["Q101"]),
        ("map.step(x)", ["Q101"]),
        ("map(x, x)", ["Q205"]),
        ("map(y = x)", ["Q205"]),
        ("map(3)", ["Q201"]),
        ("map([x])", ["Q201"]),
        ("map", ["Q201"]),
        ("d", ["Q201"]),
        ("none", ["Q201"]),
        ("x(x)", ["Q201"]),
        ("int8", ["Q201"]),
        ("Linear(d -> d)", ["Q214"]),
        ("Gate(d)(x)", ["Q214"]),
        ("x -> x", None),
        ("relu(x, x)", ["Q205"]),
        ("relu()", ["Q205"]),
        ("relu(y = x)", ["Q204"]),
        ("relu(x, x = x)", ["Q205"]),
        ("pad(x, 1, 2, 3, values = 0.0)", ["Q204"]),
        ("pad(x, 1, 2, 3, 0.0, 1)", ["Q205"]),
        ("pad(x, 0.5, 2, 3)", ["Q201"]),
        ("softmax(x, axis = 5)", ["Q210"]),
        ("softmax(x, axis = true)", ["Q201"]),
        ("cast(x, f64)", ["Q101"]),
        ('cast(x, "f16")', ["Q210"]),
        ("transpose()", ["Q205"]),
        ("transpose(x)", ["Q205"]),
        ("transpose(x, B, T -> T, B)", ["Q210"]),
        ("transpose(x, B, T, d -> B, T, T)", ["Q210"]),
        ("transpose(d, B -> B)", ["Q201"]),
        ("len()", ["Q205"]),
        ("len(T)", ["Q205"]),
        ("len(T, 3)", ["Q201"]),
        ("len(T, x)", ["Q210"]),
        ("len(d, range(T))", ["Q215"]),
        ("x[0, 0, 0, 0]", ["Q210"]),
        ("x[0.5]", ["Q201"]),
        ("x[:, :, 8]", ["Q210"]),
        ("x[:, :, 9..]", ["Q210"]),
        ("x + none", ["Q201"]),
        ("x + true", ["Q210"]),
        ("x and x", ["Q210"]),
        ("not x", ["Q210"]),
        ("-true", ["Q201"]),
        ("x % 0", []),
        ("sqrt(0 - 1)", ["Q210"]),
        ("[x, x][2]", ["Q202"]),
        ("[x, x]", []),
        ("cat([x, x], axis = 1)", []),
        ('einsum(x, x, "btd,dbs->ts")', ["Q210"]),
        ('einsum(x, x, "btd,bsd->btsk")', ["Q210"]),
        ('einsum(x, x, "btd")', ["Q210"]),
        ("where(x, x, x)", ["Q210"]),
        ("dropout(x, 1.5)", ["Q210"]),
    ],
)
def test_wrong_expressions(codes: Codes, forward: str, expected: list[str] | None) -> None:
    found = codes(gated("return gate(x)", forward))
    if expected is None:
        assert found
        assert found[0].startswith("Q0")
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("y, z = x  return y", ["Q212"]),
        ("y, z = [x, x, x]  return y", ["Q212"]),
        ("y = map  return y(x)", []),
        ("map = x  return x", ["Q103"]),
        ("d = x  return x", ["Q103"]),
        ("run = x  return x", ["Q103"]),
        ("Y = x  return x", ["Q108"]),
        ("for d in 0..3 { x = map(x) } return x", ["Q103"]),
        ("for x in 0..3 { } return x", ["Q103"]),
        ("_ = map(x)  return _", ["Q101"]),
        ("return y  y = x", ["Q211", "Q101"]),
        ("for i in 0..3 { return x } return x", ["Q211"]),
        ("y = if d == 8 { return x x } else { x }  return y", ["Q211"]),
        ("y = map(x)", ["Q211"]),
        ("", ["Q211"]),
        ("for i in x { } return x", None),
        ("for i in 0..T { } return x", ["Q201"]),
        ("y = nothing(x)  z = y + 1.0  w = z * y  return w", ["Q101"]),
        ("y = map(x, x)  for i in 0..3 { y = y + z1 }  return y", ["Q205", "Q101"]),
    ],
)
def test_wrong_statements(codes: Codes, body: str, expected: list[str] | None) -> None:
    found = codes(net(body))
    if expected is None:
        assert found
        assert found[0].startswith("Q0")
    else:
        assert found == expected
