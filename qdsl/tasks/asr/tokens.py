"""Maps what is said to token ids and back: id 0 is blank, digit d is id d + 1."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

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


@dataclass(frozen=True)
class Vocabulary:
    """Tokens by their ids; that of id 0 names the blank. Words, or characters of which `SPACE` is
    one: a vocabulary is of characters where no token but those in angle brackets is longer."""

    pieces: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pieces)

    @cached_property
    def ids(self) -> dict[str, int]:
        """Of each token but the blank."""
        return {piece: number for number, piece in enumerate(self.pieces) if number != BLANK}

    @cached_property
    def characters(self) -> bool:
        return all(len(p) == 1 or (p[0], p[-1]) == ("<", ">") for p in self.ids)

    def split(self, text: str) -> list[str]:
        """The tokens of a text, known or not; white space is one `SPACE` or stands between."""
        words = text.split()
        if not self.characters:
            return words
        return [SPACE if c == " " else c for c in " ".join(words)]

    def encode(self, text: str) -> tuple[int, ...]:
        """Ids of a text; raises KeyError with a token that is not in the vocabulary."""
        return tuple(self.ids[piece] for piece in self.split(text))

    def text(self, ids: Sequence[int]) -> str:
        """What the ids stand for, words separated by one space; raises ValueError for blanks."""
        if any(not BLANK < token < len(self.pieces) for token in ids):
            raise ValueError(f"an id lies outside 1..{len(self.pieces) - 1}")
        pieces = [self.pieces[token] for token in ids]
        if not self.characters:
            return " ".join(pieces)
        return " ".join("".join(" " if p == SPACE else p for p in pieces).split())


SPACE = "<space>"
DIGITS = Vocabulary(("<blank>", *WORDS))
