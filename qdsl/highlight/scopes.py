"""Names what is coloured: the kinds of text, each with the scope that editors know it by."""

from enum import StrEnum


class Scope(StrEnum):
    """A kind of text; its value is the TextMate scope, without the `.qspec` behind it."""

    COMMENT = "comment.line.number-sign"
    DOC = "comment.block.documentation"
    STRING = "string.quoted.double"
    INTEGER = "constant.numeric.integer"
    FLOAT = "constant.numeric.float"
    UNIT = "keyword.other.unit"
    CONSTANT = "constant.language"
    CONTROL = "keyword.control"
    LOGIC = "keyword.operator.word"
    DECLARATION = "keyword.declaration"
    CLAUSE = "keyword.other"
    ITEM = "entity.name.section"
    FUNCTION = "entity.name.function"
    CALL = "entity.name.function.call"
    MODULE = "entity.name.namespace"
    KIND = "support.class"
    TYPE = "support.type"
    PROPERTY = "support.type.property-name"
    SEGMENT = "entity.name.tag"
    WILDCARD = "keyword.operator.wildcard"
    MEMBER = "variable.other.member"
    PARAMETER = "variable.parameter"
    ATTRIBUTE = "variable.other.property"
    DIM = "variable.other.constant"
    NAME = "variable.other"
    OPERATOR = "keyword.operator"
    PUNCTUATION = "punctuation"
    ILLEGAL = "invalid.illegal"


KEYWORDS = frozenset(
    {
        Scope.UNIT,
        Scope.CONSTANT,
        Scope.CONTROL,
        Scope.LOGIC,
        Scope.DECLARATION,
        Scope.CLAUSE,
    }
)
"""The kinds that words of the grammar have where they are keywords."""
