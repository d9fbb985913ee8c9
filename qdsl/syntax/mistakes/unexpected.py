"""Describes a token that does not fit by what was expected in its place."""

from qdsl.diagnostic.model import Diagnostic, error
from qdsl.source import Span
from qdsl.syntax.mistakes.habits import HABITS
from qdsl.syntax.mistakes.omissions import OMISSIONS
from qdsl.syntax.mistakes.scene import Scene
from qdsl.syntax.tables import END

CONTINUATIONS = frozenset(
    ". ( [ + - * / // % == != < <= > >= and or is |> .. -> sparse `sparse` ;".split()
)
"""What may follow any expression: no news where something else is missing."""

STARTS = frozenset(["a name", "an integer", "a number", "a string"]) | frozenset(
    "true false none not if - ( [".split()
)
"""What begins an expression."""

KIND_NAMES = {
    "items": "an item: `import`, `const`, `format`, `block`, `model`, `policy`, `budget` or "
    "`variant`",
    "members": "a member",
    "statements": "a statement",
    "rules": "a rule",
}


def describe(scene: Scene) -> Diagnostic:
    """The diagnostic for a token that does not fit."""
    for recognize in (*HABITS, *OMISSIONS):
        if diagnostic := recognize(scene):
            return diagnostic
    wanted = expectation(scene)
    if scene.is_new_line:
        end = scene.previous.end
        place = Span(scene.source, end, end)
        return error("Q010", f"expected {wanted}", place, "missing here")
    return error(
        "Q010",
        f"expected {wanted}, found {found(scene)}",
        scene.span(scene.token),
        f"expected {wanted}",
    )


def unfinished(scene: Scene, first: int) -> Diagnostic:
    """The diagnostic for an element that ended too early, before the token at `first`."""
    last = scene.tokens[first - 1]
    end = Span(scene.source, last.end, last.end)
    return error("Q010", f"expected an expression after `{last.text}`", end, "missing here")


def found(scene: Scene) -> str:
    """The token in words."""
    return "the end of the file" if scene.token.symbol == END else f"`{scene.token.text}`"


def expectation(scene: Scene) -> str:
    """What was expected, as a phrase."""
    if scene.element is None and scene.kind:
        return KIND_NAMES[scene.kind] + closing(scene)
    expected = scene.expected
    names = []
    if scene.wants_expression:
        names.append("an expression")
        expected -= STARTS
    if expected - CONTINUATIONS:
        expected -= CONTINUATIONS
    names += sorted(e if e.startswith(("a ", "an ", "the ")) else f"`{e}`" for e in expected)
    if len(names) > 5:
        names = names[:1] if scene.wants_expression else [*names[:4], "…"]
    return " or ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def closing(scene: Scene) -> str:
    return " or `}`" if scene.opener else ""
