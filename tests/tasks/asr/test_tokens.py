"""Pins the numbering of digits."""

import pytest

from qdsl.tasks.asr import tokens


def test_blank_is_no_digit() -> None:
    assert tokens.encode(range(10)) == list(range(1, tokens.VOCABULARY))
    assert tokens.decode(tokens.encode([9, 0, 4])) == [9, 0, 4]
    assert tokens.text([10, 1, 5]) == "nine zero four"


@pytest.mark.parametrize("digit", [-1, 10])
def test_what_is_no_digit_is_refused(digit: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        tokens.encode([digit])


@pytest.mark.parametrize("token", [tokens.BLANK, -1, tokens.VOCABULARY])
def test_what_is_no_digit_id_is_refused(token: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        tokens.decode([token])
