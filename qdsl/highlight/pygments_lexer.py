"""Colours .qspec in what uses Pygments (Sphinx, MkDocs, LaTeX, terminals), by entry point."""

from collections.abc import Iterator, Mapping

from pygments.lexer import Lexer
from pygments.token import (
    Comment,
    Error,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Whitespace,
    _TokenType,
)

from qdsl.highlight.scopes import Scope
from qdsl.highlight.walk import pieces

TOKENS: Mapping[Scope, _TokenType] = {
    Scope.COMMENT: Comment.Single,
    Scope.DOC: String.Doc,
    Scope.STRING: String.Double,
    Scope.INTEGER: Number.Integer,
    Scope.FLOAT: Number.Float,
    Scope.UNIT: Keyword.Pseudo,
    Scope.CONSTANT: Keyword.Constant,
    Scope.CONTROL: Keyword,
    Scope.LOGIC: Operator.Word,
    Scope.DECLARATION: Keyword.Declaration,
    Scope.CLAUSE: Keyword.Reserved,
    Scope.ITEM: Name.Class,
    Scope.FUNCTION: Name.Function,
    Scope.CALL: Name.Function,
    Scope.MODULE: Name.Namespace,
    Scope.KIND: Name.Class,
    Scope.TYPE: Keyword.Type,
    Scope.PROPERTY: Name.Attribute,
    Scope.SEGMENT: Name.Tag,
    Scope.WILDCARD: Operator,
    Scope.MEMBER: Name.Variable.Instance,
    Scope.PARAMETER: Name.Variable,
    Scope.ATTRIBUTE: Name.Property,
    Scope.DIM: Name.Constant,
    Scope.NAME: Name,
    Scope.OPERATOR: Operator,
    Scope.PUNCTUATION: Punctuation,
    Scope.ILLEGAL: Error,
}
"""What each kind of text is for Pygments."""


class QspecLexer(Lexer):
    """The lexer of .qspec files; `Error` marks characters that fit nowhere."""

    name = "qspec"
    aliases = ("qspec",)
    filenames = ("*.qspec",)
    mimetypes = ("text/x-qspec",)

    def get_tokens_unprocessed(self, text: str) -> Iterator[tuple[int, _TokenType, str]]:
        """(offset, token type, text) of all of the text, in order."""
        reached = 0
        for start, end, scope in pieces(text):
            if reached < start:
                yield reached, Whitespace, text[reached:start]
            yield start, TOKENS[scope], text[start:end]
            reached = end
        if reached < len(text):
            yield reached, Whitespace, text[reached:]
