"""The contexts of values and types: what stands behind `=`, in brackets and in functions."""

from collections.abc import Mapping

from qdsl.highlight import words
from qdsl.highlight.patterns import (
    ASSIGN,
    FLOAT,
    GAP,
    INTEGER,
    NAME,
    NUMERIC_TYPE,
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

CONSTANTS = words.within("atom")
LOGIC = words.within("disjunction", "conjunction", "negation", "comparison") - CONSTANTS
CONTROL = words.reserved() - CONSTANTS - LOGIC
SPARSE = any_of(words.before_numbers())

COMMENTS: tuple[Rule, ...] = (match(r"^[ \t]*(##.*)", S.DOC), match(r"#.*", S.COMMENT))

LITERALS: tuple[Rule, ...] = (
    match(r'"(?:[^"\\\x00-\x1f]|\\.)*"', S.STRING),
    match(FLOAT, S.FLOAT),
    match(INTEGER, S.INTEGER),
    match(word_of(CONSTANTS), S.CONSTANT),
)

NAMES: tuple[Rule, ...] = (
    match(rf"{NUMERIC_TYPE}(?!{GAP}(?:{ASSIGN}|\.[A-Za-z_]))", S.TYPE),
    match(rf"\b[A-Z][A-Za-z0-9_]*(?={GAP}\()", S.KIND),
    match(rf"{NAME}(?={GAP}\()", S.CALL),
    match(r"\b[A-Z][A-Z0-9_]*\b", S.DIM),
    match(r"\b[A-Z][A-Za-z0-9_]*\b", S.KIND),
    match(NAME, S.NAME),
)

SIGNS: tuple[Rule, ...] = (
    match(r"->|\|>|==|!=|<=|>=|\+=|\.\.|//|[-+*/%<>=]", S.OPERATOR),
    match(r"[,;:.]", S.PUNCTUATION),
)

CONTEXTS: Mapping[str, tuple[Rule, ...]] = {
    "expression": (
        *COMMENTS,
        *LITERALS,
        match(word_of(LOGIC), S.LOGIC),
        match(word_of(CONTROL), S.CONTROL),
        match(
            rf"\b({SPARSE}){SPACE}({INTEGER}){GAP}(:){GAP}({INTEGER})",
            *(S.CLAUSE, S.INTEGER, S.PUNCTUATION, S.INTEGER),
        ),
        match(rf"\b({SPARSE}){SPACE}({INTEGER}){GAP}(%)", S.CLAUSE, S.INTEGER, S.OPERATOR),
        match(rf"\b({SPARSE}){SPACE}({FLOAT}){GAP}(%)", S.CLAUSE, S.FLOAT, S.OPERATOR),
        match(rf"(\|>){GAP}({NAME})(?!{GAP}\.)", S.OPERATOR, S.CALL),
        match(rf"(\.)({NAME})(?={GAP}\()", S.PUNCTUATION, S.CALL),
        match(rf"(\.)({NAME})", S.PUNCTUATION, S.ATTRIBUTE),
        bracket(r"\(", r"\)", "arguments"),
        bracket(r"\[", r"\]", "expression"),
        bracket(r"\{", r"\}", "expression"),
        *NAMES,
        *SIGNS,
        match(r'"[^\r\n]*', S.ILLEGAL),
        match(r"\w+|[^ \t\r\n]", S.ILLEGAL),
    ),
    "arguments": (
        match(rf"({NAME}){GAP}({ASSIGN})", S.PARAMETER, S.OPERATOR),
        Include("expression"),
    ),
    # the parameters of a block, the inputs of a function
    "signature": (
        Region(
            rf"({NAME}){GAP}(:){GAP}(\[){GAP}({NAME})",
            (S.PARAMETER, S.PUNCTUATION, S.PUNCTUATION, S.TYPE),
            r"\]",
            (S.PUNCTUATION,),
            "expression",
        ),
        match(rf"({NAME}){GAP}(:)(?:{GAP}({NAME}))?", *(S.PARAMETER, S.PUNCTUATION, S.TYPE)),
        Include("expression"),
    ),
    # what stands between the name of a function and the end of its braces
    "function": (
        *COMMENTS,
        bracket(r"\(", r"\)", "signature"),
        bracket(r"\{", r"\}", "expression"),
        Region(
            rf"(?<![A-Za-z0-9_])(\[){GAP}({NAME})",
            (S.PUNCTUATION, S.TYPE),
            r"\]",
            (S.PUNCTUATION,),
            "expression",
        ),
        bracket(r"\[", r"\]", "expression"),
        match(NAME, S.TYPE),
        Include("expression"),
    ),
}
