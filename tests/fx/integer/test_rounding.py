"""Integer division, roots and multipliers against exact arithmetic of Python."""

from fractions import Fraction
from math import isqrt

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from qdsl.fx.integer.rounding import divided, multiplier, scaled, shifted, square_root

few = settings(max_examples=200, deadline=None)
int62 = st.integers(-(2**62) + 1, 2**62 - 1)


def _tensor(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.int64)


@few
@given(int62, st.integers(0, 62))
def test_a_shift_rounds_half_to_even(x: int, shift: int) -> None:
    assert shifted(_tensor(x), shift).item() == round(Fraction(x, 2**shift))
    assert shifted(_tensor(x), _tensor(shift)).item() == round(Fraction(x, 2**shift))


@few
@given(int62, st.integers(1, 2**61))
def test_a_division_rounds_half_to_even(x: int, by: int) -> None:
    assert divided(_tensor(x), _tensor(by)).item() == round(Fraction(x, by))


def test_ties_go_to_the_even_neighbour() -> None:
    assert shifted(_tensor(-6, -2, 2, 6, 10), 2).tolist() == [-2, 0, 0, 2, 2]
    assert divided(_tensor(-3, -1, 1, 3, 5), _tensor(2)).tolist() == [-2, 0, 0, 2, 2]


@few
@given(st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=20))
def test_a_root_is_exact(xs: list[int]) -> None:
    assert square_root(_tensor(*xs)).tolist() == [isqrt(x) for x in xs]


def test_roots_beside_squares_are_exact() -> None:
    roots = [1, 2, 3, 255, 2**16, 2**31 - 1, 3037000499]
    squares = [r * r + d for r in roots for d in (-1, 0, 1)]
    assert square_root(_tensor(*squares)).tolist() == [isqrt(s) for s in squares]


@few
@given(st.floats(2**-30, 2**30), st.integers(-(2**31) + 1, 2**31 - 1))
def test_a_multiplier_is_within_2_to_the_minus_31(real: float, x: int) -> None:
    by = multiplier(torch.tensor([real], dtype=torch.float64))
    assert abs(by.mantissa.item()) < 2**31
    found = Fraction(int(by.mantissa), 2 ** int(by.shift))
    assert abs(found - Fraction(real)) <= Fraction(real) / 2**30
    assert scaled(_tensor(x), by).item() == round(x * found)


def test_multipliers_of_a_row_share_the_shift_of_the_largest() -> None:
    by = multiplier(torch.tensor([[3.0, 0.25], [2.0**-40, 0.0]], dtype=torch.float64))
    assert by.shift.tolist() == [[29], [62]]
    assert by.mantissa.tolist() == [[3 << 29, 1 << 27], [1 << 22, 0]]


def test_what_is_out_of_reach_saturates() -> None:
    by = multiplier(torch.tensor([[2.0**40], [1 - 2.0**-40]], dtype=torch.float64))
    assert by.mantissa.tolist() == [[2**31 - 1], [2**31 - 1]]
    assert by.shift.tolist() == [[0], [31]]
