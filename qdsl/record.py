"""Makes frozen dataclasses with slots, at a third of the start-up time of `dataclass`.

`dataclass(frozen=True, slots=True)` compiles six methods from text for each class. The closed sets
are classes by the hundred, which made that half of the time of a short command. Here `__init__`
alone is compiled; the other methods are shared, and no slower.
"""

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[T]) -> type[T]:
    """`dataclass(frozen=True, slots=True)`, for fields that are all positional arguments."""
    own = frozenset(vars(cls))
    # else `dataclass` would write the signature there, slowly
    cls.__doc__ = cls.__doc__ or cls.__name__
    made: type[T] = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    for name, method in _methods(made, fields(made)).items():  # type: ignore[arg-type]
        if name not in own:
            setattr(made, name, method)
    return made


def _methods(cls: type, fields: tuple[Field[Any], ...]) -> dict[str, Callable[..., Any]]:
    compared = _values([f.name for f in fields if f.compare])
    every = _values([f.name for f in fields])
    shown = [f.name for f in fields if f.repr]

    def __eq__(self: object, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return bool(compared(self) == compared(other))

    def __hash__(self: object) -> int:
        return hash(compared(self))

    def __repr__(self: object) -> str:
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{self.__class__.__qualname__}({values})"

    def __reduce__(self: object) -> tuple[type, tuple[Any, ...]]:
        values = every(self)
        return self.__class__, values if len(fields) != 1 else (values,)

    made = (_init(cls, fields), __eq__, __hash__, __repr__, __reduce__, __setattr__, __delattr__)
    return {method.__name__: method for method in made}


def _values(names: list[str]) -> Callable[[object], Any]:
    return attrgetter(*names) if names else lambda self: ()


def __setattr__(self: object, name: str, value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def __delattr__(self: object, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _init(cls: type, fields: tuple[Field[Any], ...]) -> Callable[..., None]:
    # a slot's own setter takes three quarters of the time of `object.__setattr__`
    names: dict[str, Any] = {f"_set_{f.name}": getattr(cls, f.name).__set__ for f in fields}
    arguments, body = ["self"], []
    for f in fields:
        assert f.init, "only arguments"
        assert not f.kw_only, "only positional ones"
        value = f.name
        if f.default_factory is not MISSING:
            names[f"_default_{f.name}"] = MISSING
            names[f"_make_{f.name}"] = f.default_factory
            value = f"_make_{f.name}() if {f.name} is _default_{f.name} else {f.name}"
        elif f.default is not MISSING:
            names[f"_default_{f.name}"] = f.default
        has_default = f"_default_{f.name}" in names
        arguments.append(f"{f.name}=_default_{f.name}" if has_default else f.name)
        body.append(f" _set_{f.name}(self, {value})")
    text = "\n".join((f"def __init__({', '.join(arguments)}):", *body, " pass"))
    exec(text, names)
    made: Callable[..., None] = names["__init__"]
    return made
