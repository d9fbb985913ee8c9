"""Makes the inputs: each is what a generator makes of a seed and a number, always the same."""

from collections.abc import Callable, Mapping, Sequence
from random import Random

from tests.fuzz.mutations import altered, mutated, sources
from tests.fuzz.sentences import sentences
from tests.fuzz.spacing import spaced
from tests.fuzz.specs import spec


def grammar(random: Random) -> bytes:
    """What the grammar allows, with odd spaces and comments between its tokens."""
    items = random.choice((0.4, 0.4, 1, 1, 3))
    return spaced(sentences().draw(random, items=items), random).encode()


def meaning(random: Random) -> bytes:
    """A spec that means something."""
    return spec(random).encode()


def mutated_file(random: Random) -> bytes:
    """A file of the project, damaged."""
    return mutated(random.choice(sources()), random, sources())


def mutated_grammar(random: Random) -> bytes:
    return mutated(grammar(random).decode(), random, sources())


def mutated_meaning(random: Random) -> bytes:
    return mutated(spec(random), random, sources())


def altered_file(random: Random) -> bytes:
    """A file of the project with other names and numbers."""
    return altered(random.choice(sources()), random, sources())


def altered_meaning(random: Random) -> bytes:
    return altered(spec(random), random, sources())


GENERATORS: Mapping[str, Callable[[Random], bytes]] = {
    "grammar": grammar,
    "meaning": meaning,
    "mutated file": mutated_file,
    "mutated grammar": mutated_grammar,
    "mutated meaning": mutated_meaning,
    "altered file": altered_file,
    "altered meaning": altered_meaning,
}
TURNS: Sequence[str] = (
    *("grammar", "meaning", "mutated file", "altered meaning", "altered file"),
    *("grammar", "mutated meaning", "mutated file", "mutated grammar", "altered meaning"),
)
"""Whose turn it is, over and over."""


def generator_of(number: int) -> str:
    return TURNS[number % len(TURNS)]


def make(seed: int, number: int) -> bytes:
    """Input `number` of a seed."""
    return GENERATORS[generator_of(number)](Random(f"{seed}/{number}"))
