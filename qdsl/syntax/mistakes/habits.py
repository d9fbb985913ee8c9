"""Recognizes habits from other languages, and says how the thing is written here."""

from collections.abc import Callable, Mapping

from qdsl.diagnostic.model import Diagnostic, Edit, error
from qdsl.diagnostic.suggest import did_you_mean
from qdsl.source import Span
from qdsl.syntax.mistakes.scene import Scene, habit

FUNCTION = "a function is written `fn name(x: f32[B, T]) -> f32[B, T] { … }`"
BLOCK = "a block is written `block Name(d: int) { … }`"
LET = "a value is named by `name = …` alone"
LOOP = "loops have bounds known at compile time: `for i in 0..n { … }`"
IMPORT = "an import is written `import std.speech { A, B }`"
CONDITION = "what must hold of arguments stands behind them: `block A(d: int) where d % 8 == 0`"
ANEW = "write `x = x + …`: a name is given anew"
BRANCH = "a choice is written `if a { … } else if b { … } else { … }`"

WORDS: Mapping[str, str] = {
    **dict.fromkeys(("def", "func", "function", "fun", "lambda"), FUNCTION),
    **dict.fromkeys(("class", "struct", "module"), BLOCK),
    **dict.fromkeys(("let", "var", "val", "auto", "mut"), LET),
    **dict.fromkeys(("while", "loop", "do", "break", "continue"), LOOP),
    **dict.fromkeys(("assert", "raise", "require"), CONDITION),
    "pass": "an empty body is `{}`",
    **dict.fromkeys(("from", "use", "using", "include"), IMPORT),
    **dict.fromkeys(("elif", "elseif", "elsif", "match", "switch", "case"), BRANCH),
    **dict.fromkeys(("export", "pub", "public", "private", "static"), "everything is public"),
}


def word(scene: Scene) -> Diagnostic | None:
    """`def f(x):`, `let y = 3`, `elif c`."""
    first = scene.tokens[scene.element] if scene.element is not None else scene.token
    for token in (first, scene.token):
        at_start = token is first or scene.expected == {"else"}
        if at_start and token.text in WORDS:
            return habit(scene, token, f"`{token.text}` is no keyword", WORDS[token.text])
    return None


def colon(scene: Scene) -> Diagnostic | None:
    """`if c:`, `weights: int8`, `f(a: 3)`, `x[1:2]`."""
    if scene.token.text != ":":
        return None
    if scene.opener and scene.opener.text == "[":
        return habit(scene, scene.token, "`:` in a range", "a range is written `a..b`", "..")
    if scene.opener and scene.opener.text == "(" and scene.previous.text.isidentifier():
        text = f"an argument is named by `{scene.previous.text} = …`"
        return habit(scene, scene.token, "`:` in a call", text, " =")
    if "->" in scene.expected and scene.following.text.isidentifier():
        help = "results stand behind an arrow: `-> f32[B, T]`"
        return habit(scene, scene.token, "`:` before results", help, " ->")
    if "=" in scene.expected:
        name = scene.previous.text
        if scene.tokens[min(scene.position + 2, len(scene.tokens) - 1)].text == "=":
            span = Span(scene.source, scene.token.start, scene.following.end)
            help = f"values have no types: write `{name} = …`"
            return error("Q016", "a type behind a name", span, help=help, fix=Edit(span, ""))
        return habit(scene, scene.token, "`:` in place of `=`", f"write `{name} = …`", " =")
    if "{" in scene.expected:
        return habit(scene, scene.token, "`:` before a body", "a body stands in braces: `{ … }`")
    return None


def equals(scene: Scene) -> Diagnostic | None:
    """`where d = 3`, `x == 3` as a statement, `x += 1`."""
    text, expected = scene.token.text, scene.expected
    if text == "=" and {"==", "{"} <= expected:
        return habit(scene, scene.token, "`=` in a condition", "`==` compares", "==")
    if text == "==" and "=" in expected:
        return habit(scene, scene.token, "`==` in place of `=`", "`=` gives a name", "=")
    if text == "+=" and "=" in expected:
        name = scene.previous.text
        help = ANEW.replace("x", name)
        return habit(scene, scene.token, "`+=` on a value", help)
    return None


def arrow(scene: Scene) -> Diagnostic | None:
    """`x = a -> b`."""
    if scene.token.text != "->" or "==" not in scene.expected:
        return None
    help = "`a -> b` stands only as an argument of its own: `Linear(a -> b)`"
    return habit(scene, scene.token, "`->` outside of a call", help)


def power(scene: Scene) -> Diagnostic | None:
    """`x ** 2`."""
    if scene.token.text == "**" and "*" in scene.expected:
        return habit(scene, scene.token, "there is no power", "write `x * x`")
    return None


def fraction(scene: Scene) -> Diagnostic | None:
    """`.5`; `blocks.0`."""
    token, digits = scene.token, scene.following
    if scene.previous.text == "." and token.text.isdigit():
        help = f"an index stands in brackets: `[{token.text}]`"
        return habit(scene, token, "index behind a dot", help)
    if token.text == "." and digits.text.isdigit() and token.end == digits.start:
        span = Span(scene.source, token.start, digits.end)
        return number(span, f".{digits.text}", f"0.{digits.text}")
    return None


SIGNS: Mapping[str, tuple[str, str]] = {
    ">>": ("there are no shifts", "write `x // 2`"),
    "<<": ("there are no shifts", "write `x * 2`"),
    "=>": ("`=>` in place of `->`", "write `a -> b`"),
    ":=": ("`:=` in place of `=`", "write `name = …`"),
    "<>": ("`<>` in place of `!=`", "write `a != b`"),
    "===": ("`===` in place of `==`", "write `a == b`"),
    "!==": ("`!==` in place of `!=`", "write `a != b`"),
    "=<": ("`=<` in place of `<=`", "write `a <= b`"),
    "...": ("there is no `...`", "a whole axis is `:`, a range of it `a..b`"),
    **{f"{sign}=": (f"`{sign}=` on a value", ANEW.replace("+", sign)) for sign in "-*/%"},
}
"""Two signs side by side that are one in other languages."""


def signs(scene: Scene) -> Diagnostic | None:
    """`x >> 1`, `a => b`, `x -= 1`."""
    for left, right in ((scene.previous, scene.token), (scene.token, scene.following)):
        known = SIGNS.get(left.text + right.text)
        if known and left.end == right.start:
            span = Span(scene.source, left.start, right.end)
            return error("Q016", known[0], span, help=known[1])
    return None


def number(span: Span, written: str, meant: str) -> Diagnostic:
    fix = Edit(span, meant)
    return error("Q007", f"malformed number `{written}`", span, help=f"write `{meant}`", fix=fix)


def chain(scene: Scene) -> Diagnostic | None:
    """`0 < x < 3`."""
    signs = {"==", "!=", "<", "<=", ">", ">="}
    if scene.token.text in signs and "and" in scene.expected and not signs & scene.expected:
        help = "compare twice: `a < b and b < c`"
        return habit(scene, scene.token, "comparisons do not chain", help)
    return None


def is_test(scene: Scene) -> Diagnostic | None:
    """`x is true`."""
    if scene.expected <= {"none", "not"} and "none" in scene.expected:
        help = "`is` tests for `none` alone; `==` compares values"
        return habit(scene, scene.token, "`is` with a value", help)
    return None


def sparse(scene: Scene) -> Diagnostic | None:
    """`int4 sparsee 2:4`, `int4 sparse`, `int4 sparse 2`; `x = int4 sparse 2:4` for a value."""
    token, previous = scene.token, scene.previous
    for name, number in ((previous, token), (token, scene.following)):
        if number.text[:1].isdigit() and name.text != "sparse":
            if name.text.isidentifier() and did_you_mean(name.text, ["sparse"]):
                fix, help = Edit(scene.span(name), "sparse"), "did you mean `sparse`?"
                message = f"`{name.text}` is no keyword"
                return error("Q010", message, scene.span(name), help=help, fix=fix)
    if token.text == "sparse" and scene.following.text.isdigit():
        help = (
            "`sparse 2:4` stands behind a format: in a property, an argument, `const` or `format`"
        )
        return error("Q010", "`sparse` behind a value", scene.span(token), help=help)
    before = scene.tokens[scene.position - 2]
    for word in (token, previous, before if previous.text.isdigit() else token):
        if word.text == "sparse" and "." not in scene.expected:
            help = "`sparse 2:4` keeps 2 of every 4, `sparse 90%` prunes that share"
            return error("Q010", "`sparse` without its ratio", scene.span(word), help=help)
    return None


Habit = Callable[[Scene], Diagnostic | None]
HABITS: tuple[Habit, ...] = (
    word,
    signs,
    colon,
    equals,
    arrow,
    power,
    fraction,
    chain,
    is_test,
    sparse,
)
