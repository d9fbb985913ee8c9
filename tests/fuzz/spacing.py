"""Puts spaces and comments between tokens: anywhere, and of every kind."""

from collections.abc import Sequence
from random import Random

BRACKETS = frozenset("()[]{},;=")
GAPS = (" ", "\n", "\t", "  ", "\r\n", "\n\n\n", " \n    ")
COMMENTS = ("# c{}", "## doc {}", "#c{}", "#   c{}  ", "# größe {} 漢字", "# (c{}", "#: \t c{} \\")


def spaced(tokens: Sequence[str], random: Random) -> str:
    """The text of tokens in one of a few hands, from plain to wild."""
    hand = random.choice((_plain, _tight, _wild, _lines))
    comments = random.choice((0.0, 0.02, 0.2))
    parts: list[str] = []
    for i, token in enumerate(tokens):
        before = tokens[i - 1] if i else ""
        parts += [_gap(before, token, hand(random), comments, random, i), token]
    return "".join(parts) + random.choice(("\n", "", "\n\n  # the end", "#"))


def _gap(before: str, token: str, gap: str, comments: float, random: Random, i: int) -> str:
    if random.random() < comments and before != "sparse":  # a word only right before its ratio
        comment = random.choice(COMMENTS).format(i)
        line = random.choice(("", "\n", "\n\n"))
        return f"{line}{random.choice(GAPS)}{comment}\n{random.choice(('', *GAPS))}"
    if gap or not before or may_touch(before, token):
        return gap
    return " "


def may_touch(before: str, token: str) -> bool:
    """Whether two tokens remain two without a space between them."""
    if before == "sparse":
        return False
    if before in BRACKETS or token in BRACKETS:
        return not (before in "=" and token in "=")
    return "." in (before, token) and (before + token).strip(".").isidentifier()


def _plain(random: Random) -> str:
    return " "


def _tight(random: Random) -> str:
    return ""


def _lines(random: Random) -> str:
    return random.choice((" ", " ", " ", "\n    "))


def _wild(random: Random) -> str:
    return random.choice(("", *GAPS))
