"""Reads a folder as a mapping: one file is one member, and the file name is the member's name."""

from collections.abc import Callable, Mapping
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType, ModuleType
from typing import TypeVar

T = TypeVar("T")


class RegistryError(Exception):
    """A member file that does not define exactly one member: a bug in this program or a plugin."""


def names(package: ModuleType) -> tuple[str, ...]:
    """Member names of a folder, without importing any of them."""
    found = iter_modules(package.__path__)
    return tuple(sorted(m.name for m in found if not m.name.startswith("_")))


def collect(package: ModuleType, kind: type[T]) -> Mapping[str, T]:
    """Every member of the folder: the one value of type `kind` that each file defines."""
    return MappingProxyType({name: member(package, name, kind) for name in names(package)})


def member(package: ModuleType, name: str, kind: type[T]) -> T:
    """The member of that name: the one value of type `kind` in its file.

    Raises RegistryError when there is not exactly one.
    """
    return _one(package, name, lambda v: isinstance(v, kind))  # type: ignore[return-value]


def member_class(package: ModuleType, name: str, base: type[T]) -> type[T]:
    """The member of that name where members are classes: the one subclass of `base` in its file.

    Raises RegistryError when there is not exactly one.
    """
    return _one(  # type: ignore[return-value]
        package, name, lambda v: isinstance(v, type) and issubclass(v, base) and v is not base
    )


def _one(package: ModuleType, name: str, accept: Callable[[object], bool]) -> object:
    module = import_module(f"{package.__name__}.{name}")
    found = [v for k, v in vars(module).items() if accept(v) and not k.startswith("_")]
    if len(found) != 1:
        raise RegistryError(f"{module.__name__} defines {len(found)} members, not one")
    return found[0]
