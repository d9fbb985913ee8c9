"""Recognizes what policies, budgets and formats are not written like."""

from collections.abc import Callable

from qdsl.diagnostic.model import Diagnostic, error
from qdsl.syntax.mistakes.scene import Scene, habit


def path(scene: Scene) -> Diagnostic | None:
    """`encoder/** { … }`, `"encoder.norm" { … }`, `joint.(a, b) { … }`."""
    if scene.kind != "rules":
        return None
    token, help = scene.token, "names of a path are joined by dots: `encoder.blocks[0].**`"
    if token.text in ("/", "//") and scene.element is not None:
        return habit(scene, token, "slash in a path", help)
    if token.text[:1] == '"' and scene.element is None:
        return habit(scene, token, "path in quotes", "write the path alone: `encoder.norm { … }`")
    if token.text == "(" and scene.previous.text == ".":
        return habit(scene, token, "parentheses in a path", "alternatives are `{a, b}`")
    return None


OPTIONS = frozenset("per group scale zero clip levels symmetric asymmetric dynamic tail".split())


def options(scene: Scene) -> Diagnostic | None:
    """`int4[group = 64]`, `int8 per channel`, `int8 asymmetric;`."""
    token, previous = scene.token, scene.previous
    if token.text == "=" and scene.opener and scene.opener.text == "[":
        family = scene.tokens[(scene.opening or 0) - 1].text
        if family.rstrip("0123456789") in ("int", "uint", "ternary", "binary"):
            help = f"write `{family}({previous.text} = …)`"
            return habit(scene, scene.opener, "options in square brackets", help)
    for word in (token, previous):
        first = scene.element is None or scene.tokens[scene.element] is word
        if word.text in OPTIONS and first and not scene.is_new_line:
            help = "options stand in parentheses: `int8(per = channel)`, `int4(asymmetric)`"
            return habit(scene, word, "option without parentheses", help)
    return None


def limit(scene: Scene) -> Diagnostic | None:
    """`size <= 12 MiB`, `size(*) = 12 MiB`, `size(*) <= -4 KiB`."""
    token, expected = scene.token, scene.expected
    if expected == {"("} and token.text in ("<", "<=", ">", ">=", "="):
        help = f"what it is the {scene.previous.text} of is missing: `size(*) <= 12 MiB`"
        return habit(scene, scene.previous, "a measure without a path", help)
    if token.text == "-" and "a number" in expected and not scene.wants_expression:
        help = "sizes, counts and ratios are 0 or more: `size(*) <= 12 MiB`"
        return error("Q010", "a number below 0", scene.span(token), help=help)
    if {"<=", ">="} <= expected and token.text in ("=", "==") and scene.previous.text == ")":
        return habit(
            scene, token, f"`{token.text}` in a limit", "a limit is `<=`, `<`, `>=` or `>`"
        )
    return None


def added(scene: Scene) -> Diagnostic | None:
    """`policy += other`."""
    if scene.previous.text != "+=" or scene.expected != {"{"}:
        return None
    what = "limits" if scene.tokens[scene.position - 2].text == "budget" else "rules"
    help = f"{what} are added in braces: `+= {{ … }}`; a name is given by `=`"
    return habit(scene, scene.token, f"`+=` without {what}", help)


def extends(scene: Scene) -> Diagnostic | None:
    """`variant a : b { … }`, `variant a(b) { … }`."""
    token, expected = scene.token, scene.expected
    if "extends" in expected and token.text in (":", "(") and scene.following.text.isidentifier():
        help = f"write `{scene.previous.text} extends {scene.following.text} {{ … }}`"
        return habit(scene, token, f"`{token.text}` in place of `extends`", help)
    return None


Habit = Callable[[Scene], Diagnostic | None]
POLICIES: tuple[Habit, ...] = (path, options, limit, added, extends)
