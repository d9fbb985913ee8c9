"""Holds dims to their laws: what they evaluate to, and which of them are equal."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import add, floordiv, mul, sub

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from qdsl.ir.shape import ONE, ZERO, Dim, dim, product, shape, shape_text, sizes

NAMES = ("B", "T", "U")
OPERATORS: dict[str, Callable[..., Dim]] = {"+": add, "-": sub, "*": mul, "//": floordiv}
Sizes = dict[str, int]

law = settings(deadline=None, max_examples=60)


@dataclass(frozen=True)
class Formula:
    """A formula and the dim that it made; `value` computes with plain integers."""

    made: Dim
    parts: "tuple[str, Formula, Formula] | str | int"

    def value(self, given: Sizes) -> int:
        match self.parts:
            case int(number):
                return number
            case str(name):
                return given[name]
            case (sign, left, right):
                a, b = left.value(given), right.value(given)
                return {"+": a + b, "-": a - b, "*": a * b}[sign] if sign != "//" else a // b


def combined(sign: str, left: Formula, right: Formula) -> Formula:
    assume(sign != "//" or right.made != ZERO)
    return Formula(OPERATORS[sign](left.made, right.made), (sign, left, right))


leaves = st.sampled_from(NAMES).map(lambda n: Formula(dim(n), n)) | st.integers(-6, 6).map(
    lambda n: Formula(dim(n), n)
)
formulas = st.recursive(
    leaves,
    lambda inner: st.builds(combined, st.sampled_from(sorted(OPERATORS)), inner, inner),
    max_leaves=8,
)
polynomials = st.recursive(
    leaves, lambda inner: st.builds(combined, st.sampled_from("+-*"), inner, inner), max_leaves=6
)
dims = formulas.map(lambda f: f.made)
given_sizes = st.fixed_dictionaries({n: st.integers(1, 50) for n in NAMES})
positive = st.integers(1, 9)


@law
@given(formulas, given_sizes)
def test_a_dim_evaluates_as_its_formula(formula: Formula, values: Sizes) -> None:
    try:
        expected = formula.value(values)
    except ZeroDivisionError:
        return
    assert formula.made.evaluate(values) == expected


@law
@given(dims, dims, dims)
def test_sums_and_products_are_a_ring(a: Dim, b: Dim, c: Dim) -> None:
    assert a + b == b + a
    assert a * b == b * a
    assert (a + b) + c == a + (b + c)
    assert (a * b) * c == a * (b * c)
    assert a * (b + c) == a * b + a * c
    assert a - a == ZERO
    assert a + ZERO == a == a * ONE
    assert a * ZERO == ZERO


@law
@given(polynomials, polynomials)
def test_equal_polynomials_have_equal_forms(left: Formula, right: Formula) -> None:
    # polynomials of so low a degree that agree on a grid are one
    grid = [{"B": b, "T": t, "U": u} for b in range(7) for t in range(7) for u in range(7)]
    agree = all(left.value(at) == right.value(at) for at in grid)
    assert (left.made == right.made) == agree
    if agree:
        assert hash(left.made) == hash(right.made)
        assert str(left.made) == str(right.made)


@law
@given(dims, dims, positive)
def test_whole_parts_leave_a_division(a: Dim, b: Dim, n: int) -> None:
    assert (a * n + b) // n == a + b // n
    assert (a * n) // n == a


@law
@given(polynomials, positive, positive)
def test_divisions_by_numbers_nest(formula: Formula, m: int, n: int) -> None:
    a = formula.made
    assert a // m // n == a // (m * n)
    assert (a * m) // (n * m) == a // n


@law
@given(dims, dims, given_sizes)
def test_substitution_is_evaluation_later(d: Dim, other: Dim, values: Sizes) -> None:
    try:
        inner = other.evaluate(values)
        expected = d.evaluate({**values, "T": inner})
        substituted = d.substitute({"T": other})
    except ZeroDivisionError:
        return
    assert substituted.evaluate(values) == expected


@law
@given(dims)
def test_substituting_a_name_by_itself_changes_nothing(d: Dim) -> None:
    assert d.substitute({n: dim(n) for n in NAMES}) == d
    assert d.substitute({}) == d


@law
@given(dims)
def test_the_form_is_normal(d: Dim) -> None:
    products = [p for p, _ in d.terms]
    assert len(set(products)) == len(products)
    assert all(c for _, c in d.terms)
    assert (d.constant is None) == bool(d.names())


@law
@given(dims)
def test_names_are_those_that_evaluation_needs(d: Dim) -> None:
    if d.names():
        with pytest.raises(KeyError):
            d.evaluate({})
    else:
        assert d.evaluate({}) == d.constant
    try:
        d.evaluate(dict.fromkeys(d.names(), 3))
    except ZeroDivisionError:
        return


def test_division_by_nothing() -> None:
    with pytest.raises(ZeroDivisionError):
        dim("T") // 0


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (dim("T") + 1, "T + 1"),
        (dim(1) - dim("T"), "-T + 1"),
        (dim("T") * 2 - dim("U"), "2·T - U"),
        ((dim("T") - 1) // 2 + 1, "(T + 1) // 2"),
        (dim("B") * dim("T"), "B·T"),
        ((dim("T") // 2) * 3, "3·(T // 2)"),
        (dim("T") // dim("U"), "T // U"),
        (ZERO, "0"),
        (dim(-4), "-4"),
    ],
)
def test_text(made: Dim, text: str) -> None:
    assert str(made) == text


def test_lengths_of_strided_layers_collapse() -> None:
    length = dim("T")
    for _ in range(3):
        length = (length - 1) // 2 + 1
    assert length == (dim("T") - 1) // 8 + 1


def test_exact_divisions_by_names() -> None:
    b, d = dim("B"), dim("d")
    assert (b * d) // d == b
    assert (b * d * 4 + d * 2) // (d * 2) == b * 2 + 1
    assert (b + d) // (b + d) == ONE
    assert str((b * d + 1) // d) == "(B·d + 1) // d"


def test_shapes() -> None:
    made = shape("B", 4, dim("T") + 1)
    assert shape_text(made) == "[B, 4, T + 1]"
    assert sizes(made) is None
    assert sizes(shape(2, 3)) == (2, 3)
    assert product(made) == dim("B") * dim("T") * 4 + dim("B") * 4
    assert product(()) == ONE
