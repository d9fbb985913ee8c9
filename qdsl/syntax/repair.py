"""Reports errors, and repairs the tokens where the diagnostic knows what was meant."""

from qdsl.diagnostic.model import Diagnostic
from qdsl.syntax.grammar import END
from qdsl.syntax.mistakes.python import is_member_choice
from qdsl.syntax.mistakes.scene import Scene
from qdsl.syntax.mistakes.spelling import misspelt
from qdsl.syntax.mistakes.unexpected import describe, unfinished
from qdsl.syntax.recovery import Group, Recovery


def repair(
    recovery: Recovery, scene: Scene, first: int | None, diagnostics: list[Diagnostic]
) -> int | None:
    """Reports an error, unless it follows from one that was; where it is repaired, the position.

    first: where the element begins that the one before it, unfinished, was about to take in.
    """
    if word := misspelt(scene, recovery):
        diagnostics.append(word.diagnostic)
        if scene.element == word.position < scene.position:
            return _restart(recovery, word.position, word.meant)
        return _replace(recovery, scene.position, word.diagnostic)
    if not scene.was_written or recovery.is_aftermath(scene.position, scene.element):
        return None
    found = describe(scene) if first is None else unfinished(scene, first)
    diagnostics.append(found)
    if found.code == "Q016" and is_member_choice(scene):
        return _behind_choice(recovery, scene.position)
    return _replace(recovery, scene.position, found)


def _replace(recovery: Recovery, position: int, found: Diagnostic) -> int | None:
    """Puts what the diagnostic knows should stand there in place of a token, or of brackets.

    Returns the position to go on from, None where nothing was replaced.
    """
    token, tables = recovery.tokens[position], recovery.automaton.tables
    symbol, meant = None, found.fix.text.strip() if found.fix else ""
    if token.symbol in tables.reserved and found.code == "Q013":
        symbol = tables.name
    elif found.fix and (found.fix.span.start, found.fix.span.end) == (token.start, token.end):
        symbol = tables.signs.get(meant) or tables.words.get(meant)
    elif found.fix and not meant and found.fix.span.start == token.start:
        return _leave_out(recovery, position, found.fix.span.end)
    elif token.text == "}" and found.code == "Q016":
        return _behind_branches(recovery, position)
    elif found.fix and found.fix.span.start < token.start and found.fix.span.end > token.end:
        return _square(recovery, recovery.group(position))
    if symbol is None or not recovery.automaton.accepts(symbol, recovery.automaton.states):
        return None
    recovery.tokens[position] = token._replace(symbol=symbol)
    return position


def _leave_out(recovery: Recovery, position: int, end: int) -> int | None:
    """Goes on behind the tokens up to an offset, where what follows fits."""
    while recovery.tokens[position].start < end and recovery.tokens[position].symbol != END:
        position += 1
    states = recovery.automaton.states
    if not recovery.automaton.takes([recovery.tokens[position]], states):
        return None
    recovery.resumed, recovery.checkpoint = position, tuple(states)
    return position


def _square(recovery: Recovery, group: Group) -> int:
    """Makes the parentheses of a group square, and goes back before them."""
    signs, opener = recovery.automaton.tables.signs, group.opener
    for place, sign in ((opener, "["), (recovery.partner[opener], "]")):
        recovery.tokens[place] = recovery.tokens[place]._replace(symbol=signs[sign])
    recovery.automaton.cut(group.floor - 1)
    return opener


def _behind_branches(recovery: Recovery, closing: int) -> int:
    """Drops the statement that a branch belongs to, given its last token; goes on behind it."""
    recovery.automaton.cut(recovery.group(closing).floor - 1)
    return _behind_else(recovery, closing, recovery.group(recovery.partner[closing]).base)


def _behind_choice(recovery: Recovery, word: int) -> int | None:
    """Drops a statement that begins at a word where it cannot stand; goes on behind its bodies."""
    group, body = recovery.group(word), _body(recovery, word + 1)
    if body is None or any(recovery.starts_element(group, p) for p in range(word + 1, body)):
        return None  # it has none: the brace is that of another member
    return _behind_else(recovery, recovery.partner[body], group.base)


def _behind_else(recovery: Recovery, closing: int, base: int) -> int:
    """Goes on, with the states of a base, behind all of `else if c { … } else { … }`."""
    while recovery.tokens[closing + 1].text == "else":
        body = _body(recovery, closing + 2)
        if body is None:
            break
        closing = recovery.partner[body]
    recovery.automaton.cut(base)
    recovery.resumed, recovery.checkpoint = closing + 1, tuple(recovery.automaton.states)
    return recovery.resumed


def _body(recovery: Recovery, position: int) -> int | None:
    """The brace that opens the next body from a position on, None where a bracket ends first."""
    ends = recovery.closers | {recovery.brace, END}
    while recovery.tokens[position].symbol not in ends:
        position = recovery.partner.get(position, position) + 1
    return position if recovery.tokens[position].symbol == recovery.brace else None


def _restart(recovery: Recovery, first: int, word: str) -> int:
    """Takes the first token of an element for a word; returns the position to go on from."""
    symbol = recovery.automaton.tables.words[word]
    recovery.tokens[first] = recovery.tokens[first]._replace(symbol=symbol)
    recovery.automaton.cut(recovery.group(first).base)
    recovery.resumed, recovery.checkpoint = first, tuple(recovery.automaton.states)
    return first
