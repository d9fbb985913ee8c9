"""Damages files as editors, merges and strangers do: by tokens, by lines, by bytes."""

import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[2]
FOLDERS = ("specs", "tests/diagnostics", "tests/syntax")
TOKEN = re.compile(r'"[^"\n]*"|\w+|[ \t]+|->|\|>|\*\*|\.\.|[<>=!+]=|(?s:.)')

STRANGE = (
    *("\0", "\ufeff", "\r", "\x1b[31m", "\u202e", "\u2028", "\u00a0", "é", "漢", "😀", "→", "−"),
    *("'", '"', '"""', "//", "/*", "*/", "#", "##", "\\", "`", "@", "?", "!", "~", "^", "$", "&&"),
    *("(", ")", "[", "]", "{", "}", "->", "|>", "..", "**", "*", "=", "==", "+=", ";", ",", ":"),
    *("\n", "\r\n", "\n\n", "\t", ".", "||", "def ", "class ", "self.", "None", "lambda x: "),
    *("sparse 2:4", "none", "true", "each ", "repeat 3 ", "if ", "else ", "for i in 0..3 "),
)
NUMBERS = (
    *("0", "-1", "1", "2", "3", "1e308", "1e-308", "0.0", "1_0", "007", ".5", "5.", "1.2.3"),
    *("9" * 18, "9" * 19, "9" * 400, "100000", "1000000000", "4294967296", "1e999", "12MiB"),
)
DEEP = (
    *("(", "[", "{", "f(", "[x, ", "not ", "-", "if a { ", "repeat 2 { ", "a.", "a["),
    *("{ { ", "x |> ", "x:\n ", "if a:\n  "),
)


WORDS = (
    "Linear Conv1d Conv2d Embedding LSTM GRU LayerNorm BatchNorm Dropout Inner Outer",
    "relu silu gelu tanh sigmoid glu exp log sqrt softmax abs cast sum mean max zeros stack cat",
    "int8 int4 int2 uint8 ternary binary f32 f16 bf16 i64 bool any",
    "group per scale zero clip levels tail asymmetric symmetric dynamic center rule ste",
    "channel tensor token int none search full narrow half true false",
    "weights bias norm activations output matmul softmax state trainable",
    "size bits params ratio macs",
    "d T B S x y vocab depth heads kernel",
    "steps lr distill loss decay mask task batch",
)
KINDS = {word: line.split() for line in WORDS for word in line.split()}
"""The words of the language, each with those that may stand where it does."""


@cache
def sources() -> Sequence[str]:
    """The texts of the specs of the project and of its tests, in the order of their paths."""
    paths = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.qspec"))]
    return [path.read_bytes().decode("utf-8", "replace") for path in paths]


def mutated(text: str, random: Random, others: Sequence[str]) -> bytes:
    """The text after a few mutations, some of them with parts of the other texts."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        if random.random() < 0.75:
            parts = TOKEN.findall(text) or [""]
            random.choice(TOKENS)(parts, random, TOKEN.findall(random.choice(others)) or [""])
            text = "".join(parts)
        else:
            text = random.choice(TEXTS)(text, random, random.choice(others))
    data = text[: 1 << 20].encode("utf-8", "replace")
    return _bytes(data, random) if random.random() < 0.05 else data


def altered(text: str, random: Random, others: Sequence[str]) -> bytes:
    """The text with a few names and numbers in place of others: most often it still parses."""
    parts = TOKEN.findall(text) or [""]
    for _ in range(random.choice((1, 1, 2, 3))):
        change = random.choice((_number, _near, _near, _word, _meaning, _meaning, _duplicate_line))
        change(parts, random, TOKEN.findall(random.choice((text, text, random.choice(others)))))
    return "".join(parts).encode("utf-8", "replace")


# ---- of tokens, in place


def _place(parts: Sequence[str], random: Random) -> int:
    return random.randrange(len(parts))


def _delete(parts: list[str], random: Random, other: list[str]) -> None:
    place = _place(parts, random)
    del parts[place : place + random.choice((1, 1, 2, 5, 20))]


def _duplicate(parts: list[str], random: Random, other: list[str]) -> None:
    place, length = _place(parts, random), random.choice((1, 1, 2, 5, 40))
    parts[place:place] = parts[place : place + length] * random.choice((1, 1, 2, 9))


def _swap(parts: list[str], random: Random, other: list[str]) -> None:
    a, b = _place(parts, random), _place(parts, random)
    parts[a], parts[b] = parts[b], parts[a]


def _replace(parts: list[str], random: Random, other: list[str]) -> None:
    parts[_place(parts, random)] = random.choice((random.choice(parts), random.choice(other)))


def _insert(parts: list[str], random: Random, other: list[str]) -> None:
    parts.insert(
        _place(parts, random), random.choice((random.choice(STRANGE), random.choice(other)))
    )


def _number(parts: list[str], random: Random, other: list[str]) -> None:
    numbers = [i for i, part in enumerate(parts) if part[0:1].isdigit()]
    if numbers:
        parts[random.choice(numbers)] = random.choice(NUMBERS)


def _near(parts: list[str], random: Random, other: list[str]) -> None:
    """A whole number a little off."""
    numbers = [i for i, part in enumerate(parts) if part.isdecimal() and len(part) < 9]
    if numbers:
        place = random.choice(numbers)
        value = int(parts[place])
        parts[place] = str(random.choice((value + 1, abs(value - 1), value * 2, value // 2, 1000)))


def _meaning(parts: list[str], random: Random, other: list[str]) -> None:
    """A word of the language in place of another of its kind."""
    words = [i for i, part in enumerate(parts) if part in KINDS]
    if words:
        place = random.choice(words)
        parts[place] = random.choice(KINDS[parts[place]])


def _word(parts: list[str], random: Random, other: list[str]) -> None:
    words = [i for i, part in enumerate(parts) if part.isidentifier()]
    names = [part for part in (*parts, *other) if part.isidentifier()]
    if words:
        parts[random.choice(words)] = random.choice(names)


def _misspell(parts: list[str], random: Random, other: list[str]) -> None:
    words = [i for i, part in enumerate(parts) if part.isidentifier()]
    if words:
        place = random.choice(words)
        letter = random.randrange(len(parts[place]))
        parts[place] = parts[place][:letter] + random.choice("aeXz_") + parts[place][letter + 1 :]


def _duplicate_line(parts: list[str], random: Random, other: list[str]) -> None:
    lines = "".join(parts).split("\n")
    lines.insert(random.randrange(len(lines)), random.choice(lines))
    parts[:] = TOKEN.findall("\n".join(lines))


TOKENS: Sequence[Callable[[list[str], Random, list[str]], None]] = (
    *(_delete, _duplicate, _swap, _replace, _insert, _number, _word, _misspell),
)

# ---- of the whole text


def _splice(text: str, random: Random, other: str) -> str:
    return text[: random.randint(0, len(text))] + other[random.randint(0, len(other)) :]


def _truncate(text: str, random: Random, other: str) -> str:
    return text[: random.randint(0, len(text))]


def _lines(text: str, random: Random, other: str) -> str:
    lines = text.split("\n")
    random.choice((random.shuffle, list.reverse, lambda parts: parts.pop()))(lines)
    return "\n".join(lines)


def _item(text: str, random: Random, other: str) -> str:
    items = re.split(r"\n(?=\w)", other)
    return f"{text}\n{random.choice(items)}\n"


def _ends(text: str, random: Random, other: str) -> str:
    return random.choice(("\ufeff" + text, text.replace("\n", "\r\n"), text.replace("\n", "\r")))


def _joined(text: str, random: Random, other: str) -> str:
    return text.replace("\n", random.choice((" ", ";", "\t")))


def _unbraced(text: str, random: Random, other: str) -> str:
    return text.replace(" {", ":").replace("}", "")


def _nest(text: str, random: Random, other: str) -> str:
    place, count = random.randint(0, len(text)), random.choice((9, 99, 101, 5000))
    opener = random.choice(DEEP)
    closer = "".join({"(": ")", "[": "]", "{": "}"}.get(sign, "") for sign in reversed(opener))
    inner = random.choice(("", "1", "x"))
    closed = closer * random.choice((count, count, count - 1, 0))
    return text[:place] + opener * count + inner + closed + text[place:]


def _many(text: str, random: Random, other: str) -> str:
    place, count = random.randint(0, len(text)), random.choice((100, 3000))
    return text[:place] + random.choice((*STRANGE, *NUMBERS)) * count + text[place:]


TEXTS: Sequence[Callable[[str, Random, str], str]] = (
    *(_splice, _truncate, _lines, _item, _ends, _joined, _unbraced, _nest, _many),
)


def _bytes(data: bytes, random: Random) -> bytes:
    """The bytes with a few that no encoder wrote."""
    made = bytearray(data or b" ")
    for _ in range(random.choice((1, 2, 10))):
        made[random.randrange(len(made))] = random.randrange(256)
    return bytes(made)
