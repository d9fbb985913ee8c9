"""Describes text that is no token: stray characters, bad numbers, unclosed strings."""

import re
from collections.abc import Mapping

from qdsl.diagnostic.model import Diagnostic, Edit, error
from qdsl.record import record
from qdsl.source import Source, Span

REMEDIES: Mapping[str, str] = {
    "&": "write `and`",
    "|": "write `or`, or `|>` to pass a value on",
    "!": "write `not`",
    "'": 'strings stand in double quotes: `"…"`',
    "`": "remove the backtick",
    "“": 'write a straight quote: `"`',
    "”": 'write a straight quote: `"`',
    "\\": "lines need no mark to go on: end them anywhere",
    "@": 'there are no decorators; a matrix product is `einsum(a, b, "ij,jk->ik")`',
    "$": "names are ASCII letters, digits and `_`",
    "^": "there is no power and no xor",
    "~": "write `not`",
    "?": "there is no `?`: test a value with `is none`",
    "≤": "write `<=`",
    "≥": "write `>=`",
    "≠": "write `!=`",
    "×": "write `*`",
    "·": "write `*`",
    "−": "write `-`",
    "–": "write `-`",
    "→": "write `->`",
    "…": "write `..`",
    "\ufeff": "save the file as UTF-8 without a byte-order mark",
    "\u00a0": "write an ordinary space in place of the no-break one",
    "\r": "end lines with a line feed",
}


@record
class Mistake:
    """What was found, where it ends, and what the parse takes in its place.

    `terminal` None is nothing at all, empty is something that fits nowhere.
    """

    diagnostic: Diagnostic
    end: int
    terminal: str | None = None
    text: str = ""


def at(source: Source, position: int, token: re.Pattern[str]) -> Mistake:
    """The mistake at a position of the text where `token` does not match."""
    rest = source.text[position:].partition("\n")[0]
    if word := re.match(r"[^\W\d]\w*", rest):
        return _foreign_name(source, position, word[0])
    if rest[0] in "0123456789":
        return _number(source, position, rest)
    if rest[0] == '"':
        return _unclosed(source, position, rest)
    if quoted := re.match(r"'([^'\"\\]*)'", rest):
        return _single_quotes(source, position, quoted[0])
    return _stray(source, position, rest, token)


def _foreign_name(source: Source, position: int, word: str) -> Mistake:
    span = Span(source, position, position + len(word))
    bad = next(c for c in word if not c.isascii())
    return Mistake(
        error(
            "Q006",
            f"`{bad}` in a name",
            span,
            help="names are ASCII letters, digits and `_`",
        ),
        span.end,
        "NAME",
        word,
    )


def _number(source: Source, position: int, rest: str) -> Mistake:
    found = re.match(r"[0-9](?:\w|\.(?!\.))*", rest)
    word = found[0] if found else rest[0]
    span = Span(source, position, position + len(word))
    advice, edit = _number_advice(word)
    fix = Edit(span, edit) if edit else None
    diagnostic = error("Q007", f"malformed number `{word}`", span, help=advice, fix=fix)
    return Mistake(diagnostic, span.end, "INTEGER", "0")


def _number_advice(word: str) -> tuple[str, str | None]:
    if unit := re.fullmatch(r"([0-9][0-9_.]*)([KMG]?i?B|[KMGx])", word):
        edit = f"{unit[1]} {unit[2]}"
        return f"put a space before the unit: `{edit}`", edit
    if word[:2].lower() in ("0x", "0b", "0o"):
        return "integers are decimal", None
    if re.fullmatch(r"[0-9][0-9_]*\.", word):
        return f"write `{word}0`", f"{word}0"
    if word[-1].lower() == "e":
        return f"write the exponent: `{word}-3`", None
    return "a name does not begin with a digit; a number is `12`, `0.5` or `1e-3`", None


def _unclosed(source: Source, position: int, rest: str) -> Mistake:
    end = position + len(rest.rstrip())
    diagnostic = error(
        "Q009",
        "unclosed string",
        Span(source, position, end),
        "no closing quote on this line",
        help='close it with `"`; a line break in a string is written `\\n`',
    )
    return Mistake(diagnostic, end, "STRING", '""')


def _single_quotes(source: Source, position: int, word: str) -> Mistake:
    span = Span(source, position, position + len(word))
    double = f'"{word[1:-1]}"'
    diagnostic = error(
        "Q016",
        "string in single quotes",
        span,
        help=f"strings stand in double quotes: `{double}`",
        fix=Edit(span, double),
    )
    return Mistake(diagnostic, span.end, "STRING", double)


def _stray(source: Source, position: int, rest: str, token: re.Pattern[str]) -> Mistake:
    """All characters up to the next space or token are one mistake."""
    length = 1
    while length < len(rest) and not rest[length].isspace() and not token.match(rest, length):
        length += 1
    span = Span(source, position, position + length)
    shown = f"`{rest[0]}`" if rest[0].isprintable() else f"U+{ord(rest[0]):04X}"
    diagnostic = error("Q006", f"stray character {shown}", span, help=REMEDIES.get(rest[0]))
    return Mistake(diagnostic, span.end, None if rest[0] == "\ufeff" else "", span.text)


PROSE = re.compile(r"//[ \t]*[A-Za-z]\w*[ \t]+(?!(?:and|or|if|else|sparse|is[ \t]+no)\b)[A-Za-z]")


def comment(source: Source, position: int) -> Mistake | None:
    """`// prose` and `/* prose */`; None where the slash divides."""
    text = source.text
    if text.startswith("/*", position):
        end = text.find("*/", position + 2) + 2
        if end < 2 or text[max(0, position - 1) : position].isidentifier():
            return None  # a path: `encoder/**`
    elif text.startswith("//", position) and (
        PROSE.match(text, position) or _last_sign(text, position) in ("", "{", "}", ",", ";")
    ):
        end = text.find("\n", position)
        end = end if end >= 0 else len(text)
    else:
        return None
    diagnostic = error(
        "Q016",
        "comment in the signs of another language",
        Span(source, position, end),
        help="a comment begins with `#` and ends with the line",
    )
    return Mistake(diagnostic, end)


def _last_sign(text: str, end: int) -> str:
    """The character before an offset, spaces left out."""
    while end and text[end - 1].isspace():
        end -= 1
    return text[end - 1 : end]
