"""Recognizes misspelt keywords: with the word that is near, the text would fit."""

from qdsl.diagnostic.model import Diagnostic, Edit, error
from qdsl.diagnostic.suggest import did_you_mean
from qdsl.record import record
from qdsl.syntax.lexer import Token
from qdsl.syntax.mistakes.habits import WORDS
from qdsl.syntax.mistakes.scene import Scene
from qdsl.syntax.recovery import Recovery

SHORTEST = 3
"""Letters of the shortest word that is taken for another."""


@record
class Misspelt:
    """The token at `position`, and the word that was meant."""

    position: int
    meant: str
    diagnostic: Diagnostic


def misspelt(scene: Scene, recovery: Recovery) -> Misspelt | None:
    """The keyword that was meant by a name near the error, if all up to behind it fits then."""
    position = scene.position
    first = position if scene.element is None else scene.element
    for candidate in dict.fromkeys((position, position - 1, first, first - 1)):
        if max(recovery.resumed, 2) <= candidate and _is_name(scene, scene.tokens[candidate]):
            if meant := _meant(scene, recovery, candidate):
                token = scene.tokens[candidate]
                found = error(
                    "Q010",
                    f"`{token.text}` is no keyword",
                    scene.span(token),
                    help=f"did you mean `{meant}`?",
                    fix=Edit(scene.span(token), meant),
                )
                return Misspelt(candidate, meant, found)
    return None


def _is_name(scene: Scene, token: Token) -> bool:
    is_foreign = token.text in WORDS  # of another language, which has its own advice
    return token.text.isidentifier() and len(token.text) >= SHORTEST and not is_foreign


def _meant(scene: Scene, recovery: Recovery, candidate: int) -> str | None:
    automaton = recovery.automaton
    words, before = automaton.tables.words, recovery.before(candidate)
    fitting = [w for w, symbol in words.items() if automaton.accepts(symbol, before)]
    text = scene.tokens[candidate].text
    meant = did_you_mean(text, (w for w in fitting if len(w) >= SHORTEST and w.islower()))
    if meant is None or text in words:
        return None
    states = list(before)
    read = scene.tokens[candidate + 1 : scene.position + 2]
    keyword = scene.tokens[candidate]._replace(symbol=words[meant])
    return meant if automaton.takes([keyword, *read], states) else None
