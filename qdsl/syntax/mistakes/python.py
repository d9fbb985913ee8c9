"""Recognizes Python: `self`, tuples, comprehensions, statements that are expressions here."""

from collections.abc import Callable

from qdsl.diagnostic.model import Diagnostic, Edit, error
from qdsl.source import Span
from qdsl.syntax.mistakes.scene import Scene, habit


def oneself(scene: Scene) -> Diagnostic | None:
    """`self.norm = …`, `forward(self, x: f32[B])`."""
    first = scene.previous
    if first.text != "self":
        return None
    if scene.token.text == "." and "=" in scene.expected:
        name = scene.following.text
        help = f"members are named alone: `{name} = …`"
        span = Span(scene.source, first.start, scene.token.end)
        return error("Q016", "`self` before a member", span, help=help, fix=Edit(span, ""))
    if scene.expected == {":"}:
        help = "functions know their block: name the inputs alone"
        return habit(scene, first, "`self` among the inputs", help)
    return None


def prefix(scene: Scene) -> Diagnostic | None:
    """`f"{d}"`."""
    letters, string = scene.previous, scene.token
    if string.text[:1] != '"' or letters.end != string.start or len(letters.text) > 2:
        return None
    help = "a string is its text alone: nothing is put into it"
    return habit(scene, letters, f"`{letters.text}` before a string", help)


def parentheses(scene: Scene) -> Diagnostic | None:
    """`(1, 2)`, `sizes: (int, int)`, `-> (f32[B], f32[B])`, `list[int]`."""
    token, opener = scene.token, scene.opener
    if token.text == "(" and {"a name", "["} <= scene.expected:
        if scene.previous.text == "->":
            help = "results stand side by side: `-> f32[B, T], i64[B]`"
            return habit(scene, token, "results in parentheses", help)
        if scene.previous.text == ":":
            return habit(scene, token, "a tuple of types", "a list of integers is `[int]`")
    if token.text == "[" and scene.previous.text in ("list", "List", "tuple", "Tuple"):
        help = f"write `[{scene.following.text}]`"
        return habit(scene, scene.previous, "a list type in Python's words", help)
    if token.text == "," and opener and opener.text == "(" and scene.closing is not None:
        if ")" in scene.expected and not scene.expected & {",", "a string"}:
            span = Span(scene.source, opener.start, scene.closing.end)
            inside = span.text[1:-1]
            if scene.source.text[span.end :].lstrip(" ")[:1] == "=":
                help, fix = "names stand side by side: `a, b = f(x)`", Edit(span, inside)
                return error("Q016", "names in parentheses", span, help=help, fix=fix)
            help, fix = "an array is written `[a, b]`", Edit(span, f"[{inside}]")
            return error("Q016", "a tuple in parentheses", span, help=help, fix=fix)
    return None


def is_member_choice(scene: Scene) -> bool:
    """Whether `if` or `for` stands where a member of a block begins."""
    begins = scene.is_new_line or scene.previous.text in ("{", "}", ";")
    is_first = begins and scene.kind == "members" and scene.element is None
    return is_first and scene.token.text in ("if", "for")


def member(scene: Scene) -> Diagnostic | None:
    """`if c { skip = Linear(d -> d) }` and `for i in 0..n { … }` among the members of a block."""
    if not is_member_choice(scene):
        return None
    word = scene.token
    rest = scene.tokens[scene.position + 1 :]
    body = next((i for i, token in enumerate(rest) if token.text == "{"), 0)
    name, condition = "name", "c"
    if body and "\n" not in (text := scene.source.text[rest[0].start : rest[body - 1].end]):
        condition = text
        if rest[body + 2].text == "=":
            name = rest[body + 1].text
    if word.text == "for":
        help = f"members are repeated by a value: `{name} = repeat n as i {{ … }}`"
        return habit(scene, word, "`for` among members", help)
    help = f"a choice is a value: `{name} = if {condition} {{ … }} else {{ none }}`"
    return habit(scene, word, "`if` among members", help)


def branch(scene: Scene) -> Diagnostic | None:
    """`if c { x = relu(x) } else { x = silu(x) }` as a statement; `a if c else b`."""
    help = "write `if c { a } else { b }`"
    if scene.token.text == "else" and "{" in scene.expected:
        return habit(scene, scene.token, "`else` before a body", help)
    if scene.token.text == "if" and scene.element is None and not scene.is_new_line:
        if scene.previous.text not in ("{", "}", ";"):
            return habit(scene, scene.token, "`if` behind a value", help)
    ends = scene.token.text == "}" and scene.element is None and scene.kind == "statements"
    if not ends or "}" in scene.expected:
        return None
    help = "an `if` is a value, and each way ends with one: `x = if c { relu(x) } else { x }`"
    return habit(scene, scene.token, "a branch without a value", help)


def loop(scene: Scene) -> Diagnostic | None:
    """`[Linear(d) for i in range(4)]`, `up = for n { … }`, `for i in range(4) {`."""
    if scene.token.text == "for" and scene.opener and scene.opener.text in "([":
        help = "members are repeated by `repeat n as i { … }`"
        return habit(scene, scene.token, "there are no comprehensions", help)
    if scene.token.text == "for" and scene.previous.text == "=" and scene.wants_expression:
        name = scene.tokens[scene.position - 2].text
        help = f"members are repeated by `{name} = repeat n as i {{ … }}`"
        if scene.kind == "statements":
            help = "a loop stands alone, and gives names anew: `for i in 0..n { x = … }`"
        return habit(scene, scene.token, "`for` is no value", help)
    if ".." in scene.expected and scene.previous.text == ")" and scene.token.text in ":{":
        end = Span(scene.source, scene.previous.end, scene.previous.end)
        help = "write the bounds of a loop: `for i in 0..n { … }`"
        return error("Q016", "a loop over a call", end, "a range ends here", help=help)
    return None


Habit = Callable[[Scene], Diagnostic | None]
PYTHON: tuple[Habit, ...] = (oneself, prefix, parentheses, member, branch, loop)
