"""Holds expressions of constants, arguments and formats to their values."""

from collections.abc import Callable

import pytest

from qdsl.sema.compile import Compiled, Variant

Codes = Callable[..., list[str]]


@pytest.fixture
def size(variant: Callable[..., Variant]) -> Callable[[str], int]:
    """The value of an integer expression, as the size of a weight."""

    def of(expression: str) -> int:
        text = f"const five = 5 model M(d: int = 8) {{ m = Linear(1 -> {expression}) }}"
        shape: tuple[int, ...] = variant(text).model.storages[0].parameter.shape
        return shape[0]

    return of


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("7 // 2 + 7 % 4", 6),
        ("-(-7) // 2", 3),
        ("2 - (3 - 4)", 3),
        ("five * d", 40),
        ("[1, 2, 3][1]", 2),
        ("[1, 2, 3][-1]", 3),
        ("[[1], [2, 3]][1][0]", 2),
        ("if d == 8 { 1 } else { 2 }", 1),
        ("if d != 8 { 1 } else if d > 7 and d <= 8 { 2 } else { 3 }", 2),
        ("if not (d < 8) or d / 0 == 1 { 1 } else { 2 }", 1),
        ("if d >= 9 and d / 0 == 1 { 1 } else { 2 }", 2),
        ('if "a" == "a" { 1 } else { 2 }', 1),
        ("if none is none and d is not none { 1 } else { 2 }", 1),
        ("if [1, 2] == [1, 2] { 1 } else { 2 }", 1),
        ("if 1.5 + 0.5 == 2 { 1 } else { 2 }", 1),
        ("if Linear == Linear { 1 } else { 2 }", 1),
    ],
)
def test_values(size: Callable[[str], int], expression: str, value: int) -> None:
    assert size(expression) == value


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1.5", "Q201"),
        ("8 / 2", "Q201"),
        ("true", "Q201"),
        ('"8"', "Q201"),
        ("none", "Q201"),
        ("[8]", "Q201"),
        ("int8", "Q201"),
        ("Linear", "Q201"),
        ("relu", "Q201"),
        ("relu(8)", "Q201"),
        ("d.weight", "Q201"),
        ("d[0]", "Q201"),
        ("[8][0, 1]", "Q201"),
        ("[8][0..1]", "Q201"),
        ("[8][1]", "Q202"),
        ('1 + "a"', "Q201"),
        ("1 + true", "Q201"),
        ("-none", "Q201"),
        ("not 8", "Q201"),
        ("8 and true", "Q201"),
        ("true and 8", "Q201"),
        ("if 8 { 1 } else { 2 }", "Q201"),
        ("if true { a = 1 a } else { 2 }", "Q201"),
        ("d |> relu", "Q201"),
        ("d < none", "Q201"),
        ("Linear(d -> d)", "Q201"),
        ("8(8)", "Q201"),
    ],
)
def test_what_is_no_integer(codes: Codes, expression: str, expected: str) -> None:
    text = f"model M(d: int = 8) {{ m = Linear(1 -> {expression}) }}"
    assert codes(text) == [expected]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("const a = Linear(1 -> 2)", ["Q201"]),
        ("const a = int8  const b = a", []),
        ("const a = 1 -> 2", None),
        ("const a = v  variant v { model = M } model M { }", ["Q201"]),
        ("format f = 8", ["Q201"]),
        ("format f = Linear", ["Q201"]),
        ("format f = int4(group = 64, group = 32)", ["Q205"]),
        ("format f = int4(asymmetric, asymmetric)", ["Q205"]),
        ("format f = int4(64)", ["Q301"]),
        ("format f = int4 sparse 2:4  format g = f sparse 2:4", ["Q301"]),
        ("format f = int4 sparse 0:4", ["Q301"]),
        ("format f = int4 sparse 97.5%", []),
        ("format f = int4 sparse 0%", ["Q301"]),
        ("format f = int4 sparse 100%", ["Q301"]),
        ("format f = int4 sparse 0.00001%", ["Q301"]),
        ("format f = int4 sparse 1e1%", ["Q301"]),
        ("format f = int4 sparse 90%  format g = f sparse 2:4", ["Q301"]),
        ("format f = int8(dynamic)", []),
        ("format f = int8(dynamik)", ["Q301"]),
        ("const a = [1, 2", None),
    ],
)
def test_items(codes: Codes, item: str, expected: list[str] | None) -> None:
    found = codes(item)
    assert found == expected if expected is not None else found[0].startswith("Q0")


def test_formats_build_on_formats(compiled: Callable[..., Compiled]) -> None:
    found = compiled("""
        const size = 2
        format a = int4(group = 4 * size)
        format b = a(clip = search) sparse 2:4
        format c = b(group = 16, asymmetric)
        model M { m = Linear(32 -> 8) n = Linear(32 -> 8) o = Linear(32 -> 8) }
        policy p { default { weights = a } n { weights = b } o { weights = c } }
        variant v { model = M  policy = p }
    """)
    assert found.ok
    formats = [str(s.format) for s in found.variants["v"].model.storages[::2]]
    assert formats == [
        "int4(group = 8)",
        "int4(group = 8, clip = search) sparse 2:4",
        "int4(group = 16, asymmetric, clip = search) sparse 2:4",
    ]


@pytest.mark.parametrize(
    ("parameters", "call", "expected"),
    [
        ("x: float", "1", []),
        ("x: float", "true", ["Q201"]),
        ("x: [int]", "[1, 2]", []),
        ("x: [int]", "1", ["Q201"]),
        ("x: [int]", "[1, 0.5]", ["Q201"]),
        ("x: str", '"a"', []),
        ("x: bool", "1", ["Q201"]),
        ("x: format", "int4(group = 8)", []),
        ("x: format", "8", ["Q201"]),
        ("x: block", "Linear", []),
        ("x: block", "relu", ["Q201"]),
        ("x: activation", "relu", []),
        ("x: activation", "Linear", ["Q201"]),
        ("x: int = 8", "", []),
        ("x: int = 0.5", "", ["Q201"]),
        ("x: int", "", ["Q205"]),
        ("", "8", ["Q205"]),
        ("x: int", "y = 8", ["Q204"]),
        ("x: int", "8, x = 8", ["Q205"]),
        ("x: int, y: int", "x = 8, 8", ["Q205"]),
        ("x: int", "x = 8, x = 8", ["Q205"]),
        ("x: int, x: int", "8, 8", ["Q103"]),
        ("x: number", "8", ["Q201"]),
        ("x: int = 8, y: int = 2 * x", "", []),
    ],
)
def test_arguments(codes: Codes, parameters: str, call: str, expected: list[str]) -> None:
    assert codes(f"block A({parameters}) {{ }} model M {{ a = A({call}) }}") == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [("d > 8", ["Q207"]), ("d == 8, d < 9", []), ("d", ["Q201"]), ("d == 8, d > 9", ["Q207"])],
)
def test_constraints(codes: Codes, condition: str, expected: list[str]) -> None:
    assert codes(f"block A(d: int) where {condition} {{ }} model M {{ a = A(8) }}") == expected


def test_constants_are_evaluated_once(compiled: Callable[..., Compiled]) -> None:
    text = "const a = 1 // 0  const b = a  model M { m = Linear(a -> b) }"
    assert [d.code for d in compiled(text).diagnostics] == ["Q203"]
