"""Holds the checks that read the text alone: also what nothing makes is read, and told once."""

from collections.abc import Callable

import pytest

import qdsl.sema.checks
from qdsl.registry import collect
from qdsl.sema.check import Check
from qdsl.sema.compile import Compiled

Codes = Callable[..., list[str]]


def test_each_file_is_one_check() -> None:
    for name, check in collect(qdsl.sema.checks, Check).items():
        assert check.name == name


@pytest.mark.parametrize(
    "text",
    [
        "block A(d: int = widht) { }",
        "block A(d: int) where widht > 0 { }",
        "block A(d: int) { m = Linear(d -> widht) }",
        "block A(d: int) { m = Linaer(d -> d) }",
        "block A(d: int) { m = repeat widht { Linear(d -> d) } }",
        "block A(d: int) { m = if widht { Linear(d -> d) } else { none } }",
        "block A(d: int) { m = if d == 1 { Linaer(d -> d) } else { none } }",
        "block A(d: int) { const w = [1, widht] }",
        "block A(d: int) { parameter p: f32[widht] = normal }",
        "block A(d: int) { a = Linear(d -> d) tie a.weight = b.weight }",
        "block A(d: int) { forward(x: f32[B, widht]) { return x } }",
        "block A(d: int) { forward(x: [f32[B]; widht]) { return x } }",
        "block A(d: int) { forward(x: f32[B]) -> f32[B, widht] { return x } }",
        "block A(d: int) { forward(x: f32[B]) { return y } }",
        "block A(d: int) { forward(x: f32[B]) { return f(x) } }",
        "block A(d: int) { forward(x: f32[B]) { return x |> f } }",
        "block A(d: int) { forward(x: f32[B]) { return relu(x, axis = widht) } }",
        "block A(d: int) { forward(x: f32[B]) { return x[0, widht] } }",
        "block A(d: int) { forward(x: f32[B]) { return x[a..] } }",
        "block A(d: int) { forward(x: f32[B]) { return len(S, x) } }",
        "block A(d: int) { forward(x: f32[B]) { for i in 0..n { } return x } }",
        "block A(d: int) { forward(x: f32[B]) { y = if d == 1 { z = x z } else { z } return y } }",
        "block A(d: int) { forward(x: f32[B]) { x = y y = x return x } }",
        "block A(d: int) { forward(x: f32[B]) { return relu(x) + i } }",
        "policy p { default { weights = in4 } }",
        "policy p { default { weights = int4(group = 1 + widht) } }",
        "policy p extends q { }",
        "policy p for M { }",
    ],
)
def test_unknown_names_where_nothing_looks(codes: Codes, text: str) -> None:
    assert codes(text) == ["Q101"]


@pytest.mark.parametrize(
    "text",
    [
        "block A(d: int, w: int = 2 * d) where w > d { m = Linear(d -> w) }",
        "block A(d: int) { forward(x: f32[B, d]) { return transpose(x, B, d -> d, B) } }",
        "block A(d: int) { forward(x: f32[B, d]) { return x |> transpose(p, q -> q, p) } }",
        "block A(d: int) { forward(x: i64[B, d]) { return cast(x, f32) } }",
        "block A(d: int) { forward(x: f32[B, d]) -> f32[B, S] { n = S return x } }",
        "block A(f: format) { forward(x: f32[B]) { return x } }",
        "block A(d: int) { forward(x: f32[B]) { return g(x) } fn g(x: f32[B]) { return x } }",
        "block A(d: int) { parameter p: f32[d] = xavier }",
        "block A(d: int) { m = repeat 3 as i { Linear(i + 1 -> d) } }",
        "format f = int4(asymmetric, group = 64, zero = int, clip = search) sparse 2:4",
        "format f = int4(group = 64)  format g = f(clip = search)",
        "policy p { optional **:Whatever { weights = int8(per = tensor) } }",
        "const size = 64  policy p { default { weights = int4(group = size) } }",
    ],
)
def test_names_that_have_a_meaning(codes: Codes, text: str) -> None:
    assert codes(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("block A() { fn f(x: f32[B] = none) { return x } }", []),
        ("block A() { forward(x: f32[B] = zeros) { return x } }", ["Q216"]),
        ("block A() { forward(x: f32[B] = 3) { return x } }", ["Q216"]),
        ("model A() { fn f(x: f32[B] = none) { return x } }", []),
        ("model A() { fn f(x: f32[B] = zeros) { return x } }", ["Q216"]),
        ("model A() { forward(x: f32[B] = zeros) { return x } }", []),
        ("model A() { forward(x: f32[B] = none) { return x } }", ["Q216"]),
    ],
)
def test_defaults_of_inputs(codes: Codes, text: str, expected: list[str]) -> None:
    assert codes(text) == expected


def test_a_name_is_told_once(codes: Codes) -> None:
    text = "block A(d: int) { forward(x: f32[B, d]) { return sofmax(x) } } "
    used = "model M { a = A(8) b = A(9) entry r(x: f32[B, 8]) { return a(x) } "
    used += "entry s(x: f32[B, 9]) { return b(x) } }"
    assert codes(text + used) == ["Q101"]


def test_findings_are_in_the_order_of_the_text(compiled: Callable[..., Compiled]) -> None:
    found = compiled("""
        block A(d: int) { m = Linear(d -> on) }
        model M(d: int = 8) { m = Linear(d -> 0) l = LSTM(d) entry r(x: f32[B]) { return m(y) } }
        policy p { default { weights = in4 } }
        const c = 1 // 0
    """).diagnostics
    starts = [d.primary.span.start for d in found if d.primary]
    assert starts == sorted(starts)
    assert [d.code for d in found] == ["Q101", "Q206", "Q205", "Q101", "Q101", "Q203"]


# ---- files with syntax errors --------------------------------------------------------------------


def test_after_a_syntax_error_nothing_follows_from_it(codes: Codes) -> None:
    # what the broken member is called, and what shape it has, is not known
    found = codes("""
        model M(d: int = 8) {
            norm = LayerNorm(d
            map = Linear(d -> d)
            entry r(x: f32[B, d]) { return norm(x) |> map }
        }
        policy p for M { norm { norm = f16 } }
        variant v { model = M  policy = p }
    """)
    assert {code[:2] for code in found} == {"Q0"}


def test_after_a_syntax_error_plain_typos_are_told(codes: Codes) -> None:
    found = codes("""
        const width 8
        block A(d: int) { map = Linaer(d -> width) }
    """)
    assert found == ["Q010", "Q101"]


def test_an_import_with_syntax_errors(codes: Codes) -> None:
    other = "block A(d: int { m = Linear(d -> d) }"
    found = codes("import .other { A, B } model M { a = A(8) b = B(8) }", other=other)
    assert {code[:2] for code in found} == {"Q0"}
