"""Finds members of open sets: the files of a folder by name, and what packages offer."""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib import import_module
from os import scandir
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


def entry_points(group: str) -> Mapping[str, str]:
    """What installed packages offer to the group: `name` → `module:attribute`.

    Reads `entry_points.txt` as the packaging guide specifies it; importlib.metadata does the same
    at a tenth of the time that a command may take. Where names meet, the first on sys.path counts.
    """
    found: dict[str, str] = {}
    for text in _entry_point_files():
        section = ""
        for line in map(str.strip, text.splitlines()):
            if line.startswith("["):
                section = line[1:-1].strip()
            elif section == group and "=" in line and line[0] not in "#;":
                name, _, value = line.partition("=")
                found.setdefault(name.strip(), value.strip())
    return MappingProxyType(found)


def _entry_point_files() -> Iterator[str]:
    for folder in dict.fromkeys(sys.path):
        try:
            entries = sorted(e.path for e in scandir(folder or ".") if e.name.endswith(_METADATA))
        except OSError:  # a zip file, or not there
            continue
        for path in entries:
            with suppress(OSError), open(f"{path}/entry_points.txt", encoding="utf-8") as file:
                yield file.read()


_METADATA = (".dist-info", ".egg-info")


def load_entry_point(value: str) -> object:
    """The object that `module:attribute` names; raises what importing it raises."""
    module, _, attribute = value.partition(":")
    return getattr(import_module(module), attribute)
