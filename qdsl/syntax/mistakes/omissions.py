"""Recognizes what was left out: a type, an `else`, a unit, a name for a value."""

from collections.abc import Callable

from qdsl.diagnostic.model import Diagnostic, Edit, error
from qdsl.diagnostic.suggest import did_you_mean, suggestion
from qdsl.source import Span
from qdsl.syntax.mistakes.scene import Scene

ITEMS = tuple("import const format block model policy budget recipe target variant".split())
UNSUPPORTED = ("extern",)
UNITS = ("B", "KB", "KiB", "MB", "MiB", "GB", "GiB", "K", "M", "G", "x")


def item(scene: Scene) -> Diagnostic | None:
    """A word that begins no item, or one of a later edition."""
    if scene.kind != "items" or scene.element is not None:
        return None
    token = scene.token
    span = scene.span(token)
    if token.text in UNSUPPORTED:
        return error(
            "Q015",
            f"`{token.text}` is not supported yet",
            span,
            help="remove it: this release neither reads nor applies it",
        )
    if not token.text.isidentifier():
        return None
    if scene.following.text == "=":
        return error(
            "Q010",
            "expected an item, found a value",
            span,
            help=f"a constant is written `const {token.text} = …`",
            fix=Edit(Span(scene.source, token.start, token.start), "const "),
        )
    return error(
        "Q010", f"expected an item, found `{token.text}`", span, help=suggestion(token.text, ITEMS)
    )


def reserved(scene: Scene) -> Diagnostic | None:
    """`in = 3`."""
    token = scene.token
    is_word = token.text.isidentifier() and "a name" in scene.expected
    if is_word and (not scene.wants_expression or scene.following.text in ("=", ":", ",")):
        message = f"`{token.text}` is a reserved word"
        return error("Q013", message, scene.span(token), help="choose another name")
    return None


def keyword(scene: Scene) -> Diagnostic | None:
    """A member called `entry`, a rule for `optional.a`, a constant called `format`."""
    word = scene.previous
    words, what, help = KEYWORDS.get(scene.kind, (frozenset[str](), "", ""))
    if (
        word.text not in words
        or scene.element != scene.position - 1
        or scene.token.text not in ("=", ".")
        or scene.token.text in scene.expected
    ):
        return None
    if word.text == "default" and scene.token.text == "=":
        help = "properties stand in braces: `default { weights = … }`"
    message = f"`{word.text}` begins {what}"
    return error("Q013", message, scene.span(word), help=help.replace("NAME", word.text))


KEYWORDS = {
    "items": (frozenset(ITEMS), "an item", "a name comes between: `NAME a = …`"),
    "members": (
        frozenset(["const", "parameter", "tie", "fn", "entry", "forward"]),
        "a member of its own kind",
        "choose another name",
    ),
    "steps": (frozenset(["stage"]), "a stage", "a name comes between: `stage NAME { … }`"),
    "rules": (
        frozenset(["default", "optional"]),
        "a rule of its own kind",
        "a part of that name is written `{NAME}` here",
    ),
}
"""Of each kind of list the words that begin its elements, what they begin, and what to do."""


def otherwise(scene: Scene) -> Diagnostic | None:
    """`if c { a }` without `else`."""
    if scene.expected != {"else"}:
        return None
    end = scene.previous.end
    return error(
        "Q010",
        "`if` without `else`",
        Span(scene.source, end, end),
        "`else { … }` is missing here",
        help="an `if` is a value, so both ways yield one: `if c { a } else { b }`",
    )


def type_of_parameter(scene: Scene) -> Diagnostic | None:
    """`block A(d, n)`, `forward(x)`."""
    if scene.expected != {":"} or scene.token.text not in (",", ")", "="):
        return None
    name = scene.previous
    before = [
        token.text for token in scene.tokens[max(0, (scene.opening or 0) - 2) : scene.opening]
    ]
    is_function = "forward" in before or before[:1] in (["fn"], ["entry"])
    example = f"{name.text}: f32[B, T]" if is_function else f"{name.text}: int"
    if scene.kind == "members":
        example = f"{name.text}: f32[d]"
    help = f"a type follows the name: `{example}`"
    return error("Q010", f"`{name.text}` has no type", scene.span(name), help=help)


def misplaced(scene: Scene) -> Diagnostic | None:
    """`format` inside of a block, `fn` inside of a function."""
    if scene.element is None or scene.position != scene.element + 1 or scene.kind not in PLACES:
        return None
    first = scene.tokens[scene.element]
    words, where = PLACES[scene.kind]
    if first.text not in words or not (scene.token.text.isidentifier() or scene.token.text == "("):
        return None
    message = f"`{first.text}` inside of {where}"
    return error("Q010", message, scene.span(first), help="move it out")


PLACES = {
    "members": (frozenset(ITEMS) - {"const"}, "a block"),
    "statements": (frozenset(ITEMS) | {"fn", "entry", "parameter", "tie"}, "a function"),
    "rules": (frozenset(ITEMS), "a policy"),
}


def unit(scene: Scene) -> Diagnostic | None:
    """`12 MIB`."""
    word = scene.previous
    before = scene.tokens[max(0, scene.position - 2)]
    if scene.expected != {"("} or not before.text[:1].isdigit():
        return None
    near = {unit.lower(): unit for unit in UNITS}.get(word.text.lower())
    near = near or did_you_mean(word.text, UNITS)
    help = f"did you mean `{near}`?" if near else suggestion(word.text, UNITS)
    span = scene.span(word)
    fix = Edit(span, near) if near else None
    return error("Q010", f"unknown unit `{word.text}`", span, help=help, fix=fix)


def segment(scene: Scene) -> Diagnostic | None:
    """`a.b. { … }`: the rule's braces were taken for alternatives."""
    if scene.opener is None or scene.opener.text != "{" or scene.token.text != "=":
        return None
    dot = scene.tokens[(scene.opening or 0) - 1]
    if dot.text != ".":
        return None
    end = Span(scene.source, dot.end, dot.end)
    return error("Q010", "expected a name after `.`", end, "missing here")


def imported(scene: Scene) -> Diagnostic | None:
    """`import std.speech`."""
    if scene.element is None or scene.tokens[scene.element].text != "import":
        return None
    if "{" not in scene.expected:
        return None
    end = scene.previous.end
    return error(
        "Q010",
        "import without names",
        Span(scene.source, end, end),
        "names are missing here",
        help="name what is imported: `import std.speech { ConformerBlock, Joint }`",
    )


def unused_value(scene: Scene) -> Diagnostic | None:
    """`f(x)` as a statement; `x = 3 4`."""
    if scene.kind != "statements" or scene.element is None or "=" not in scene.expected:
        return None
    first = scene.tokens[scene.element]
    if first.text.isidentifier() and scene.previous is first and not scene.is_new_line:
        return None
    span = Span(scene.source, first.start, scene.previous.end)
    if "\n" not in scene.source.text[scene.tokens[scene.element - 1].end : first.start]:
        if scene.tokens[scene.element - 1].text != "{":
            return error(
                "Q010",
                "two values side by side",
                span,
                "this one belongs to nothing",
                help="an operator or a comma is missing before it",
            )
    return error(
        "Q010",
        "a value that nothing takes",
        span,
        help="name it with `name = …`, drop it with `_ = …`, or give it with `return …`",
    )


Omission = Callable[[Scene], Diagnostic | None]
OMISSIONS: tuple[Omission, ...] = (
    item,
    reserved,
    keyword,
    otherwise,
    type_of_parameter,
    misplaced,
    unit,
    segment,
    imported,
    unused_value,
)
