"""Proposes what stands in a block: members, layers and their arguments, names of functions."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields

from qdsl.lsp.complete.cursor import CLOSE, OPEN, Cursor, Frame, Token
from qdsl.lsp.complete.proposal import (
    RESERVED_VALUES,
    Proposal,
    Proposals,
    Sort,
    blocks,
    dtypes,
    formats,
    functions,
    items,
    layers,
    words,
)
from qdsl.lsp.definitions import BlockNames, Shape, shape_of
from qdsl.lsp.symbol import Kind, Symbol
from qdsl.sema.arguments import TYPES
from qdsl.sema.initialisers import WORDS as INITIALISERS
from qdsl.sema.language import layer_functions
from qdsl.sema.scope import FileScope
from qdsl.syntax import tree

MEMBERS = ("forward", "fn", "entry", "parameter", "tie", "const")
STATEMENTS = ("return", "for")
FUNCTIONS = frozenset(("forward", "fn", "entry"))
BOUND = re.compile(r"[A-Za-z_]\w*")
SORTS = {
    Kind.FUNCTION: Sort.FUNCTION,
    Kind.ENTRY: Sort.FUNCTION,
    Kind.PARAMETER: Sort.PARAMETER,
    Kind.MEMBER: Sort.MEMBER,
    Kind.WEIGHT: Sort.MEMBER,
}


def proposals(cursor: Cursor, scope: FileScope, block: tree.Block | None) -> Proposals:
    """What could stand at the cursor; `block` is the one around it, as far as it could be read."""
    names = BlockNames(block, scope) if block else None
    frames = cursor.frames
    if len(frames) == 1:
        return words(("where",), Sort.KEYWORD) if cursor.last == ")" else iter(())
    if frames[1].sign == "(":
        return words(TYPES, Sort.FORMAT, "type") if cursor.last == ":" else _values(scope, names)
    if cursor.last == ".":
        return _reached(cursor, names)
    function = _function(frames)
    if function is None:
        return _member(cursor, scope, names)
    return _in_function(cursor, scope, names, function)


def _function(frames: Sequence[Frame]) -> int | None:
    """The index of the frame of a function's body, or of its inputs; None outside of functions."""
    head = frames[2].head if len(frames) > 2 else ()
    begun = [t.text for t in head if t.first]
    return 2 if begun and begun[-1] in FUNCTIONS else None


def _member(cursor: Cursor, scope: FileScope, names: BlockNames | None) -> Proposals:
    frame = cursor.frames[-1]
    if frame.sign == "(" and cursor.last in ("(", ",", ""):
        yield from arguments(frame, scope, names)
    if frame.sign == "{" and (cursor.last in ("", ";", "}") or _new_line(cursor)):
        yield from words(MEMBERS, Sort.KEYWORD)
        if len(cursor.frames) == 2:
            return
    if _begun(frame) == "parameter" and cursor.last == "=":
        yield from words(INITIALISERS, Sort.VALUE, "initialiser")
        return
    yield from blocks(scope, models=False)
    yield from layers()
    yield from words(("repeat", "if", "else", *RESERVED_VALUES), Sort.KEYWORD)
    yield from _values(scope, names)


def _in_function(cursor: Cursor, scope: FileScope, names: BlockNames | None, at: int) -> Proposals:
    frame = cursor.frames[-1]
    inner = cursor.frames[at].sign == "{"
    if not inner and cursor.last == ":":
        yield from dtypes()
        return
    if frame.sign == "(" and cursor.last in ("(", ",", ""):
        yield from arguments(frame, scope, names)
    if frame.sign == "{" and (cursor.last in ("", ";", "}") or _new_line(cursor)):
        yield from words(STATEMENTS, Sort.KEYWORD)
    yield from words(_locals(cursor.frames, at), Sort.VALUE, "local")
    yield from _own(names)
    yield from functions()
    yield from words(("if", "else", "each", *RESERVED_VALUES), Sort.KEYWORD)
    yield from items(scope, tree.Const)


def _locals(frames: Sequence[Frame], at: int) -> Iterator[str]:
    """Names that the function bound before the cursor: inputs, results of `=`, and dims."""
    begin = max((i for i, t in enumerate(frames[at].head) if t.text in FUNCTIONS), default=0)
    head = frames[at].head[begin:]
    inside = [t for frame in frames[at:] for t in frame.inside]
    found: dict[str, None] = {}
    for tokens, sign in ((head, ":"), (inside, "=")):
        for i, token in enumerate(tokens[:-1]):
            if token.is_word and tokens[i + 1].text == sign and BOUND.fullmatch(token.text):
                found[token.text] = None
                if sign == "=":
                    found |= dict.fromkeys(_listed(tokens, i))
    found |= {t.text: None for t in head if t.is_word and t.text[0].isupper()}
    return iter(found)


def _listed(tokens: Sequence[Token], last: int) -> Iterator[str]:
    """The names before the last of `a, b = …`."""
    while last >= 2 and tokens[last - 1].text == "," and tokens[last - 2].is_word:
        last -= 2
        yield tokens[last].text


def _new_line(cursor: Cursor) -> bool:
    """Whether the word at the cursor begins a line."""
    line = cursor.text.rpartition("\n")[2]
    return not line.removesuffix(cursor.word).strip()


def _begun(frame: Frame) -> str:
    """The word that the line at the cursor begins with."""
    return next((t.text for t in reversed(frame.inside) if t.first), "")


# ---- names -------------------------------------------------------------------------------------


def _own(names: BlockNames | None) -> Proposals:
    for symbol in names.symbols.values() if names else ():
        if symbol.name != "forward" and symbol.kind is not Kind.ENTRY:
            yield _of(symbol)


def _of(symbol: Symbol) -> Proposal:
    doc = getattr(symbol.node, "doc", "")
    return Proposal(symbol.name, SORTS.get(symbol.kind, Sort.VALUE), str(symbol.kind), doc=doc)


def _values(scope: FileScope, names: BlockNames | None) -> Proposals:
    """What an expression before any tensor may name."""
    for symbol in names.symbols.values() if names else ():
        if symbol.kind in (Kind.PARAMETER, Kind.CONST):
            yield _of(symbol)
    yield from items(scope, tree.Const)
    yield from formats(scope)


def _reached(cursor: Cursor, names: BlockNames | None) -> Proposals:
    """What stands behind the dot of a member: its functions, members and weights."""
    chain = cursor.path[: len(cursor.path) - len(cursor.word)].rstrip(".")
    shape = _shape(chain, names)
    if shape.block:
        for symbol in shape.block.symbols.values():
            if symbol.kind is not Kind.PARAMETER and symbol.kind is not Kind.CONST:
                yield _of(symbol)
    if shape.layer:
        yield from words(layer_functions(shape.layer), Sort.FUNCTION, shape.layer.__name__)
        weights = ("weight", "bias")
        yield from words(weights, Sort.MEMBER, "weight")


def _shape(chain: str, names: BlockNames | None) -> Shape:
    """What a path such as `joint.output` or `blocks[0]` leads to."""
    shape = Shape(names)
    for part in re.sub(r"\[[^\]]*\]", "", chain).split("."):
        below = shape.block.below() if shape.block else {}
        shape = below.get(re.split(r"[^\w]", part)[-1], Shape())
    return shape


def arguments(frame: Frame, scope: FileScope, names: BlockNames | None = None) -> Proposals:
    """Names of arguments of the call around, those that are not given yet."""
    count, given = _given(frame.inside)
    for name, detail in tuple(_parameters(frame.head, scope, names))[count:]:
        if name not in given:
            yield Proposal(name, Sort.PARAMETER, detail, f"{name} = ")


def _given(tokens: Sequence[Token]) -> tuple[int, set[str]]:
    """How many arguments stand there without a name, `a -> b` as two, and the names of others."""
    depth, named, count = 0, set[str](), 0
    for i, token in enumerate(tokens):
        depth += (token.text in OPEN) - (token.text in CLOSE)
        if depth == 0 and token.text == "=" and i:
            named.add(tokens[i - 1].text)
        elif depth == 0 and token.text in (",", "->"):
            count += 1
    return count - len(named), named


def _parameters(
    head: Sequence[Token], scope: FileScope, names: BlockNames | None
) -> Iterator[tuple[str, str]]:
    if not head or not head[-1].is_word:
        return
    callee = head[-1].text
    made = shape_of(callee, scope)
    if made.layer:
        for f in fields(made.layer):
            default = "" if f.default is MISSING else f" = {str(f.default).lower()}"
            yield f.name, f"{f.type if isinstance(f.type, str) else f.type.__name__}{default}"
    elif made.block:
        for p in made.block.block.parameters:
            yield p.name.text, p.span.text
    elif names:
        yield from _inputs(head, names)


def _inputs(head: Sequence[Token], names: BlockNames) -> Iterator[tuple[str, str]]:
    """Inputs of a function of a member, or of `forward` where the member itself is called."""
    dotted = len(head) > 2 and head[-2].text == "."
    shape = _shape((head[-3] if dotted else head[-1]).text, names)
    function = shape.block and shape.block.function(head[-1].text if dotted else "forward")
    if function:
        for i in function.function.inputs:
            yield i.name.text, i.span.text
