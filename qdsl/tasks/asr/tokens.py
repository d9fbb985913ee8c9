"""Maps digits to token ids and back: id 0 is blank, digit d is id d + 1."""

from collections.abc import Iterable, Sequence

BLANK = 0
VOCABULARY = 11
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def encode(digits: Iterable[int]) -> list[int]:
    """Ids of digits; raises ValueError for what is no digit."""
    ids = [digit + 1 for digit in digits]
    if any(not BLANK < token < VOCABULARY for token in ids):
        raise ValueError("a digit lies outside 0..9")
    return ids


def decode(ids: Iterable[int]) -> list[int]:
    """Digits of ids; raises ValueError for blank and for ids of no digit."""
    digits = [token - 1 for token in ids]
    if any(not 0 <= digit < len(WORDS) for digit in digits):
        raise ValueError(f"an id lies outside 1..{VOCABULARY - 1}")
    return digits


def text(ids: Sequence[int]) -> str:
    """The words of ids, separated by spaces, as they are scored."""
    return " ".join(WORDS[digit] for digit in decode(ids))
