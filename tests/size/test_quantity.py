"""Quantities as people read them."""

from fractions import Fraction

import pytest

from qdsl.size.quantity import (
    bytes_text,
    decimal,
    exact_bytes,
    ratio_text,
    share_text,
    signed_bytes,
)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (1536, "1.50 KiB"),
        (12 * 1024**2, "12.00 MiB"),
        (5 * 1024**5, "5,120.00 TiB"),
        (-2048, "-2.00 KiB"),
        (-5, "-5 B"),
    ],
)
def test_bytes(count, text):
    assert bytes_text(count) == text


def test_exact_and_signed_bytes():
    assert exact_bytes(12_373_196) == "11.80 MiB (12,373,196 B)"
    assert exact_bytes(512) == "512 B"
    assert [signed_bytes(n) for n in (1536, -512, 0)] == ["+1.50 KiB", "-512 B", "±0 B"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(1, 3), "0.33"),
        (Fraction(2, 3), "0.67"),
        (Fraction(5, 1000), "0.01"),
        (Fraction(-5, 1000), "-0.01"),
        (Fraction(1, 1000), "<0.01"),
        (Fraction(0), "0.00"),
        (Fraction(123456), "123,456.00"),
    ],
)
def test_decimals_round_a_half_away_from_zero(value, text):
    assert decimal(value) == text


def test_ratios_and_shares():
    assert ratio_text(74, 10) == "7.40x"
    assert ratio_text(74, 0) == "-"
    assert share_text(1, 8) == "12.5%"
