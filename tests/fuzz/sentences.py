"""Derives texts from the grammar itself, so that what is new in it is generated without a word."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random

from lark import Lark

GRAMMAR = Path(__file__).parents[2] / "grammar" / "qspec.lark"
DEEP = 12
"""Rules within rules from which on the shortest way out is taken."""

NAMES = (
    *("a", "b", "c", "d", "x", "y", "B", "T", "S", "_", "encoder", "blocks", "up", "Linear"),
    *("Conv1d", "LSTM", "Embedding", "LayerNorm", "int4", "int8", "ternary", "f32", "i64", "bool"),
    *(
        "group",
        "per",
        "scale",
        "model",
        "weights",
        "activations",
        "std",
        "blocks",
        "relu",
        "reshape",
    ),
)
FLOATS = ("0.5", "1e-3", "2.50", "1_0.0E+2", "0.0", "3.14159")
INTEGERS = ("0", "1", "2", "4", "16", "80", "1_000", "123456789012345678")
STRINGS = ('"same"', '""', '"a # b"', r'"\"\\\n"', '"漢字"')
GLOBS = ("*", "a", "ff*", "*_proj", "a*b*2", "blocks", "x1", "{ a , ff* }", "{ * , b , c , }")

TEXTS: Mapping[str, Sequence[str]] = {
    "NAME": NAMES,
    "FLOAT": FLOATS,
    "INTEGER": INTEGERS,
    "STRING": STRINGS,
    "SPARSE": ("sparse",),
}
"""What a terminal that is a pattern may be; those that are words and signs are themselves."""

WHOLE: Mapping[str, Sequence[Sequence[str]]] = {
    "edition": [("qspec", "1")],
    "globs": [glob.split() for glob in GLOBS],
    "integer": [("0",), ("1",), ("12",), ("-", "1"), ("-", "4")],
    "targets": [("x",), ("y",), ("x", ",", "_"), ("a", ",", "b", ",", "default")],
}
"""Rules of which the builder of the tree, or the lexer, asks for more than the grammar says."""

NARROWER: Mapping[tuple[str, str], str] = {("assign", "expressions"): "targets"}
"""What stands for a symbol in a rule, where the builder of the tree asks for more."""


class Sentences:
    """The rules of a grammar as lark reads them."""

    def __init__(self, grammar: str) -> None:
        lark = Lark(grammar, start="file", parser="lalr", lexer="basic", maybe_placeholders=True)
        self.texts: dict[str, Sequence[str]] = {
            t.name: TEXTS[t.name] if t.pattern.type == "re" else (t.pattern.value,)
            for t in lark.terminals
            if t.name not in lark.ignore_tokens
        }
        words = [t for t in lark.terminals if t.pattern.type == "str" and t.priority == 0]
        self.words = [t.pattern.value for t in words if t.pattern.value.isidentifier()]
        self.rules: dict[str, list[tuple[str, ...]]] = {}
        for rule in lark.rules:
            origin = str(rule.origin.name)
            body = tuple(NARROWER.get((origin, s.name), str(s.name)) for s in rule.expansion)
            self.rules.setdefault(origin, []).append(body)
        self.heights = self._heights()

    def _heights(self) -> Mapping[str, int]:
        """Of each symbol how many rules its shortest text needs, one within the other."""
        heights = dict.fromkeys((*self.texts, *WHOLE), 0)
        while missing := [origin for origin in self.rules if origin not in heights]:
            for origin in missing:
                bodies = [b for b in self.rules[origin] if set(b) <= heights.keys()]
                if bodies:
                    heights[origin] = 1 + min(
                        max((heights[s] for s in b), default=0) for b in bodies
                    )
        return heights

    def draw(self, random: Random, start: str = "file", items: float = 3) -> list[str]:
        """The tokens of a text; `items` is about how many elements the outermost lists have."""
        tokens: list[str] = []
        stack = [(start, 0)]
        while stack:
            symbol, depth = stack.pop()
            if symbol in self.texts:
                tokens.append(self._terminal(random, symbol))
            elif symbol in WHOLE:
                tokens += random.choice(WHOLE[symbol])
            else:
                body = self._body(random, symbol, depth, items)
                # a list is no level: its rule holds itself
                stack += ((s, depth + (not symbol.startswith("__"))) for s in reversed(body))
        return tokens

    def _terminal(self, random: Random, symbol: str) -> str:
        if symbol == "NAME" and random.random() < 0.03:
            return random.choice(self.words)
        return random.choice(self.texts[symbol])

    def _body(self, random: Random, symbol: str, depth: int, items: float) -> tuple[str, ...]:
        bodies = self.rules[symbol]
        if symbol.startswith("__"):  # a list: its own rule begins with itself
            more = [b for b in bodies if b[:1] == (symbol,)]
            last = [b for b in bodies if b[:1] != (symbol,)]
            length = items if depth < DEEP // 3 else 1
            go_on = depth < DEEP and more and random.random() < length / (length + 1)
            return random.choice(more if go_on else last)
        if depth > DEEP:
            least = min(self._height(b) for b in bodies)
            bodies = [b for b in bodies if self._height(b) == least]
        return random.choice(bodies)

    def _height(self, body: Sequence[str]) -> int:
        return max((self.heights[s] for s in body), default=0)


@cache
def sentences() -> Sentences:
    """The grammar of the language."""
    return Sentences(GRAMMAR.read_text(encoding="utf-8"))
