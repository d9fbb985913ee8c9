"""Says what has which colour where: the contexts of a .qspec file and the rules of each.

Keywords are those of the grammar, in the places where it expects them. Where a word may begin an
item, a member or a step or be a name, what follows on its line decides: a name stands behind a
keyword, and no name behind a name.
"""

from collections.abc import Iterator, Mapping

from qdsl.highlight import expressions, words
from qdsl.highlight.expressions import COMMENTS
from qdsl.highlight.patterns import (
    ASSIGN,
    FLOAT,
    GAP,
    INTEGER,
    NAME,
    SPACE,
    Include,
    Region,
    Rule,
    any_of,
    bracket,
    match,
    word_of,
)
from qdsl.highlight.scopes import Scope as S

ITEMS = words.leading("item")
BRACED = frozenset(
    word
    for rule in words.parts("item")
    for word in words.leading(rule)
    if '"{"' in words.rules()[rule]
)
MEMBERS = words.leading("any_member")
FUNCTIONS = words.leading("function")
RULES = words.leading("any_rule")
STEPS = words.leading("any_step")
SETTINGS = words.leading("any_setting")
UNITS = words.within("unit")
EDITION = words.leading("edition")
BEGINNINGS = ITEMS | MEMBERS | RULES | STEPS | SETTINGS | EDITION
CLAUSES = words.keywords() - words.reserved() - words.before_numbers() - UNITS - BEGINNINGS
"""What is left: the words that go on with an item (`extends`, `where`) or with a limit (`over`)."""

RELATIONS = words.before_names() - BEGINNINGS
"""The words between the name of an element and the name of another."""

BODIES = {
    "block": "members",
    "model": "members",
    "policy": "rules",
    "budget": "limits",
    "recipe": "steps",
    "variant": "settings",
}
"""The context in the braces of an item; `entries` for those that are not here."""

BODY_END = rf"(?<=\}})|^(?={any_of(ITEMS)}[ \t]+[A-Za-z_.])"
"""Behind the closing brace, or where the next item shows that it is missing."""

NO_VALUE = r"(?<![=>+\-*/%<|.])(?<![=>+\-*/%<|] )"
"""Not right behind an operator, where what begins members is a name."""

BEHIND_NO_RULE = "".join(rf"(?<!\b{word} )" for word in sorted(RULES))
"""Not behind a word that begins a rule: `optional default` is a rule of a part called `default`."""

CHOICE = Region(
    r"\b(if)\b",
    (S.CONTROL,),
    rf"(?<=\}})(?!{GAP}else\b)(?:[ \t\r\n]+|(,))",
    (S.PUNCTUATION,),
    "expression",
)
"""A choice before the braces of an item; it takes what is behind it, lest the item end there."""

QUANTITY: tuple[Rule, ...] = tuple(
    match(
        rf"({number})(?:{SPACE}({any_of(UNITS)})|{GAP}(%))(?!\w)(?!{GAP}=)",
        *(scope, S.UNIT, S.UNIT),
    )
    for number, scope in ((FLOAT, S.FLOAT), (INTEGER, S.INTEGER))
)


def headed(begin: str, *scopes: S, inside: str) -> Region:
    """From a keyword to the end of the braces that it announces."""
    return Region(begin, scopes, BODY_END, (), inside)


def _items() -> Iterator[Rule]:
    """How each item begins."""
    yield headed(rf"\b(import)(?={SPACE}[A-Za-z_.])", S.DECLARATION, inside="import")
    for word in sorted(BRACED - {"import"}):
        yield headed(rf"\b({word}){SPACE}({NAME})", S.DECLARATION, S.ITEM, inside=word)
    yield match(
        rf"\b(format){SPACE}({NAME}){GAP}({ASSIGN}){GAP}({NAME})",
        *(S.DECLARATION, S.ITEM, S.OPERATOR, S.TYPE),
    )
    yield match(rf"\b({any_of(ITEMS - BRACED)}){SPACE}({NAME})", S.DECLARATION, S.ITEM)


def _head(word: str) -> tuple[Rule, ...]:
    """What stands between the name of an item and the end of its braces."""
    return (
        *COMMENTS,
        match(rf"\b({any_of(RELATIONS)}){SPACE}({NAME})", S.CLAUSE, S.ITEM),
        match(word_of(CLAUSES) + r"(?!\()", S.CLAUSE),
        CHOICE,
        bracket(r"\(", r"\)", "signature"),
        bracket(r"\{", r"\}", BODIES.get(word, "entries")),
        Include("expression"),
    )


def _settings() -> Iterator[Rule]:
    """The bodies that a variant adds to."""
    for word in sorted(SETTINGS):
        yield headed(rf"\b({word})(?={GAP}\+=)", S.DECLARATION, inside=f"more-{word}")


CONTEXTS: Mapping[str, tuple[Rule, ...]] = {
    "file": (
        *COMMENTS,
        match(rf"\b({any_of(EDITION)}){SPACE}({INTEGER})", S.CLAUSE, S.INTEGER),
        *_items(),
        Include("expression"),
    ),
    "import": (
        *COMMENTS,
        bracket(r"\{", r"\}", "expression"),
        match(NAME, S.MODULE),
        match(r"\.+", S.PUNCTUATION),
        Include("expression"),
    ),
    **{word: _head(word) for word in sorted(BRACED - {"import"})},
    "members": (
        headed(
            rf"{NO_VALUE}\b({any_of(FUNCTIONS)}){SPACE}({NAME})(?={GAP}\()",
            *(S.DECLARATION, S.FUNCTION),
            inside="function",
        ),
        headed(
            rf"{NO_VALUE}\b({any_of(FUNCTIONS - words.before_names())})(?={GAP}\()",
            S.DECLARATION,
            inside="function",
        ),
        match(
            rf"{NO_VALUE}\b({any_of(MEMBERS)}){SPACE}({NAME})(?:{GAP}(:){GAP}({NAME}))?",
            *(S.DECLARATION, S.MEMBER, S.PUNCTUATION, S.TYPE),
        ),
        match(rf"({NAME}){GAP}({ASSIGN})", S.MEMBER, S.OPERATOR),
        Include("expression"),
    ),
    "rules": (
        match(rf"(?<![.:*]){BEHIND_NO_RULE}{word_of(RULES)}(?!\.)", S.DECLARATION),
        Include("selector"),
        bracket(r"\{", r"\}", "properties"),
        Include("expression"),
    ),
    "selector": (
        *COMMENTS,
        match(r"\*\*|\*", S.WILDCARD),
        match(rf"(:){GAP}({NAME})", S.PUNCTUATION, S.KIND),
        bracket(rf"\{{(?={GAP}[A-Za-z0-9_*]+{GAP}[,}}])", r"\}", "alternatives"),
        bracket(r"\[", r"\]", "indices"),
        match(r"\b[A-Za-z_][A-Za-z0-9_]*\b", S.SEGMENT),
        match(r"[.,]", S.PUNCTUATION),
    ),
    "alternatives": (Include("selector"), Include("expression")),
    "indices": (match(r"\*", S.WILDCARD), Include("expression")),
    "properties": (
        match(rf"({NAME}){GAP}({ASSIGN}){GAP}({NAME})", S.PROPERTY, S.OPERATOR, S.TYPE),
        Include("entries"),
    ),
    "entries": (
        match(rf"({NAME}){GAP}({ASSIGN})", S.PROPERTY, S.OPERATOR),
        *QUANTITY,
        Include("expression"),
    ),
    "limits": (
        match(rf"\b({any_of(CLAUSES)}){SPACE}({NAME})", S.CLAUSE, S.TYPE),
        Region(rf"({NAME}){GAP}(\()", (S.CALL, S.PUNCTUATION), r"\)", (S.PUNCTUATION,), "measured"),
        *QUANTITY,
        Include("expression"),
    ),
    "measured": (
        Region(
            rf"({NAME}){GAP}({ASSIGN})",
            *((S.PARAMETER, S.OPERATOR), r"(?=[,)])", (), "expression"),
        ),
        Include("selector"),
        Include("expression"),
    ),
    "steps": (
        headed(rf"\b({any_of(STEPS)}){SPACE}({NAME})", S.DECLARATION, S.ITEM, inside="step"),
        Include("entries"),
    ),
    "step": (*COMMENTS, bracket(r"\{", r"\}", "entries"), Include("expression")),
    "settings": (
        *_settings(),
        match(rf"({NAME}(?:\.{NAME})*){GAP}({ASSIGN})", S.PROPERTY, S.OPERATOR),
        Include("expression"),
    ),
    **{
        f"more-{word}": (
            *COMMENTS,
            bracket(r"\{", r"\}", BODIES.get(word, "entries")),
            Include("expression"),
        )
        for word in sorted(SETTINGS)
    },
    **expressions.CONTEXTS,
}
"""The rules of each context, tried in their order; a text begins in `file`."""
