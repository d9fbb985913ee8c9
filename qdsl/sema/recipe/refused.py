"""Says what to write in place of a word that a recipe cannot have there."""

from collections.abc import Iterable

from qdsl.diagnostic.model import Diagnostic, Edit, error
from qdsl.diagnostic.suggest import did_you_mean
from qdsl.recipes.model import Stage
from qdsl.sema.recipe.types import (
    NUMBERS,
    Hint,
    alternatives,
    elements,
    expected,
    is_option,
    known_words,
    schema,
    word_of,
    words,
)
from qdsl.syntax import tree

TRUTH = {"yes": "true", "on": "true", "True": "true", "no": "false", "off": "false"}
TRUTH["False"] = "false"
MEANT = {"learning_rate": "lr", "epochs": "steps"}


def refusal(name: str, e: tree.Expr, members: tuple[Hint, ...]) -> Diagnostic:
    """What is wrong with `e` as the value of the field `name`, which is one of those types."""
    word, known = word_of(e), known_words(members)
    span = e.callee.span if isinstance(e, tree.Call) else e.span
    if elements(members) and word in {w for x in elements(members) for w in words(x)}:
        text = f"[{e.span.text}]"
        message = f"`{name}` is a list: write `{text}`"
        return error("Q702", message, e.span, fix=Edit(e.span, text))
    if isinstance(e, tree.Name) and (teachers := _named(members)):
        calls = " or ".join(f"`{t}({word})`" for t in teachers)
        return error("Q702", f"`{name}` is a teacher: write {calls}", e.span)
    if not word or bool in members or not known:
        message = f"`{name}` is {expected(members)}, not `{e.span.text}`"
        return error("Q702", message, e.span, help=_instead(word, known, members))
    near = did_you_mean(word, known)
    help = f"did you mean `{near}`?" if near else None
    if any(m in NUMBERS for m in members):
        message = f"`{name}` is {expected(members)}, not `{word}`"
        return error("Q702", message, span, help=help or f"one of {_listed(known)}")
    message = f"unknown {name} `{word}`: one of {_listed(known)}"
    return error("Q702", message, span, help=help)


def _instead(word: str, known: tuple[str, ...], members: tuple[Hint, ...]) -> str | None:
    if bool in members and word in TRUTH:
        return f"did you mean `{TRUTH[word]}`?"
    return f"one of {_listed(known)}" if known else None


def _named(members: Iterable[Hint]) -> tuple[str, ...]:
    """The options among the types that are called with a name: teachers."""
    return tuple(m.word() for m in members if is_option(m) and _first(m) is str)


def _first(kind: Hint) -> Hint:
    return next((hint for hint, _ in schema(kind).values()), None)


def _listed(known: Iterable[str]) -> str:
    return ", ".join(f"`{w}`" for w in known)


def property_help(name: str) -> str:
    """What to write in place of a property that a stage does not have."""
    known = [n for n in schema(Stage) if n != "name"]
    if place := _argument(name):
        return f"write `{place}`"
    whole = next((n for n in known if name in n.split("_")), None)
    if near := MEANT.get(name) or whole or did_you_mean(name, known):
        return f"did you mean `{near}`?"
    return "`qdsl explain stage` lists what it has"


def _argument(name: str) -> str | None:
    """The property with an option that takes `name`: `optimizer = adamw(weight_decay = …)`."""
    places = sorted(schema(Stage).items(), key=lambda f: f[0] != "optimizer")
    for field, (hint, _) in places:
        for option in filter(is_option, alternatives(hint)):
            if name in schema(option):
                first = next(iter(schema(option).items()))
                ahead = "…, " if first[1][1] and first[0] != name else ""
                return f"{field} = {option.word()}({ahead}{name} = …)"
    return None
