"""Describes a token that does not fit by what was expected in its place."""

from qdsl.diagnostic.model import Diagnostic, error
from qdsl.source import Span
from qdsl.syntax.grammar import END
from qdsl.syntax.mistakes.habits import HABITS, number
from qdsl.syntax.mistakes.omissions import OMISSIONS
from qdsl.syntax.mistakes.policies import POLICIES
from qdsl.syntax.mistakes.python import PYTHON
from qdsl.syntax.mistakes.scene import Scene

OPERATORS = frozenset(". ( [ + - * / // % == != < <= > >= and or is |> -> .. `sparse` ;".split())
"""What may follow any expression: no news where something else is missing."""

EXPRESSION = frozenset(
    ["a name", "an integer", "a number", "a string", "true", "false", "none", "not", "if", "-"]
) | {"(", "[", ")", "]", "}", ":", "..", "each"}
"""What begins an expression, or ends a list that might have gone on with one."""

PATH = frozenset(["a name", "an integer", "*", ":"])
"""What may go on with a path."""

PATH_START = frozenset(["a name", "an integer", "*", "**", "{"])

ELEMENTS = {
    "items": "an item: `import`, `const`, `format`, `block`, `model`, `policy`, `budget`, "
    "`recipe`, `target` or `variant`",
    "members": "a member or `}`",
    "statements": "a statement or `}`",
    "rules": "a rule or `}`",
    "steps": "a stage, a property or `}`",
}


def describe(scene: Scene) -> Diagnostic:
    """The diagnostic for a token that does not fit."""
    for recognize in (*PYTHON, *POLICIES, *HABITS, *OMISSIONS):
        if diagnostic := recognize(scene):
            return diagnostic
    wanted = expectation(scene)
    if scene.is_new_line and scene.element is not None:
        end = scene.previous.end
        return error("Q010", f"expected {wanted}", Span(scene.source, end, end), "missing here")
    end_of_file = scene.token.symbol == END
    found = "the end of the file" if end_of_file else f"`{scene.token.text}`"
    help = "a line end or `;` sets them apart" if scene.token.text == "," else None
    if "{" in scene.expected and scene.expected - OPERATORS <= {"{", "as"}:
        body = "a body stands in braces: `{ … }`"
        return error(
            "Q010", f"expected {wanted}, found {found}", scene.span(scene.token), help=body
        )
    return error(
        "Q010",
        f"expected {wanted}, found {found}",
        scene.span(scene.token),
        help=help if "}" in scene.expected and "a name" in scene.expected else None,
    )


def unfinished(scene: Scene, first: int) -> Diagnostic:
    """The diagnostic for an element that ended too early, before the token at `first`."""
    last, before = scene.tokens[first - 1], scene.tokens[first - 2]
    if last.text == "." and before.text.isdigit() and before.end == last.start:
        span = Span(scene.source, before.start, last.end)
        return number(span, f"{before.text}.", f"{before.text}.0")
    wanted = "a name" if last.text == "." else "an expression"
    end = Span(scene.source, last.end, last.end)
    return error("Q010", f"expected {wanted} after `{last.text}`", end, "missing here")


def expectation(scene: Scene) -> str:
    """What was expected, as a phrase."""
    if scene.element is None and scene.kind:
        return ELEMENTS[scene.kind]
    if scene.wants_expression:
        return "an expression"
    expected = scene.expected
    if "a name" in expected and scene.previous.text in (":", "->"):
        return "the name of a kind of layer" if scene.kind == "rules" else "a type"
    if expected >= PATH_START:
        return "a name, `*` or `**`"
    if expected >= PATH:
        expected -= PATH
    if "a number" in expected:
        expected -= {"an integer"}
    if expected <= OPERATORS and len(expected) > 4:
        return "`..`" if ".." in expected else "an operator"
    names = sorted(e if " " in e else f"`{e}`" for e in expected - OPERATORS or expected)
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
