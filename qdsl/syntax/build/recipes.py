"""Makes recipes and targets."""

from collections.abc import Mapping

from qdsl.syntax import tree
from qdsl.syntax.build.context import Build

RECIPES: Mapping[str, Build] = {
    "recipe": lambda c, s, name, *steps: tree.Recipe(name, steps, c.doc(s), s),
    "stage": lambda c, s, name, properties: tree.Stage(name, properties, s),
    "target": lambda c, s, name, base, *traits: tree.Target(name, base, traits, c.doc(s), s),
    "bytes": lambda c, s, unit: unit,
    "trait": lambda c, s, name, value: tree.Trait(name, value, s),
}
