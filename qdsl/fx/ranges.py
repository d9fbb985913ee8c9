"""Knows where the static ranges of a model stand in its program."""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from torch import nn

from qdsl.diagnostic.model import QdslError
from qdsl.fx.observer import Observer
from qdsl.ir.model import Model, join, state_key
from qdsl.ir.ranges import ranges

RANGE = ":q"  # ends the name of an observer, as that of a quantizer


@lru_cache(maxsize=64)  # models are compared by identity
def places(model: Model) -> Mapping[tuple[str, str], tuple[str, str]]:
    """Owner and attribute in the program of each range, by its path and name.

    A layer owns its ranges, `input:q`; a block those of the values of its functions,
    `forward:scores:left:q`.
    """
    modules = {path for path, _ in model.root.walk()}
    found = {}
    for range in ranges(model):
        owner, local = range.path, range.name
        if owner not in modules:
            *above, function, value = owner.split(".")
            owner, local = ".".join(above), f"{function}:{value}:{local}"
        found[range.path, range.name] = state_key(owner), local + RANGE
    return found


def target(model: Model, path: str, name: str) -> str:
    """The attribute of a program that is the observer of a range."""
    return join(*places(model)[path, name])


def add_observers(tree: nn.Module, model: Model) -> None:
    """Puts an observer for each static range of the model into the tree."""
    for range in ranges(model):
        owner, name = places(model)[range.path, range.name]
        tree.get_submodule(owner).add_module(name, Observer(range))


def freeze_ranges(observers: Iterable[Observer]) -> None:
    """Fixes their scales and zeros. Raises QdslError (Q717) for those that have seen no values."""
    found = tuple(observers)
    if unobserved := [o for o in found if not o.observed]:
        raise QdslError([o.unobserved() for o in unobserved])
    for observer in found:
        observer.freeze()
