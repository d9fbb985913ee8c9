"""Defines a device profile: what a target has, and what it serves."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from fractions import Fraction

UNITS: Mapping[str, int] = {
    "B": 1,
    "KB": 10**3,
    "KiB": 2**10,
    "MB": 10**6,
    "MiB": 2**20,
    "GB": 10**9,
    "GiB": 2**30,
}


class ProfileError(Exception):
    """A trait that a profile does not take; `trait` is its name."""

    def __init__(self, trait: str, message: str) -> None:
        self.trait = trait
        super().__init__(message)


@dataclass(frozen=True)
class Profile:
    """A device. None, or an empty tuple, is what the profile does not say.

    memory: bytes that a model may take; bandwidth: bytes a second that weights are read at;
    formats, activations: families of number formats that are served; sparsity: N:M patterns.
    """

    name: str
    doc: str = ""
    backend: str | None = None
    memory: int | None = None
    bandwidth: int | None = None
    instruction_sets: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    activations: tuple[str, ...] = ()
    sparsity: tuple[str, ...] | None = None


TRAITS = tuple(f.name for f in fields(Profile) if f.name not in ("name", "doc"))


def profile_of(name: str, traits: object, base: Profile | None = None, doc: str = "") -> Profile:
    """The profile with those traits over the base's; raises ProfileError."""
    if not isinstance(traits, Mapping):
        raise ProfileError("", "a profile is a mapping of traits")
    for trait in traits:
        if trait not in TRAITS:
            raise ProfileError(str(trait), f"a target has no `{trait}`")
    values = {trait: _value(trait, value) for trait, value in traits.items()}
    return replace(base or Profile(name), name=name, doc=doc, **values)  # type: ignore[arg-type]


def parse_bytes(text: str) -> int | None:
    """Bytes of `64 MiB`, None where it is no such quantity or no whole number."""
    exact = _exact(text)
    return None if exact is None or exact.denominator != 1 else int(exact)


def _exact(text: str) -> Fraction | None:
    if not (found := re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMG]?i?B)", text)):
        return None
    return Fraction(found[1]) * UNITS[found[2]] if found[2] in UNITS else None


def _value(trait: str, value: object) -> object:
    match trait:
        case "memory" | "bandwidth":
            size = parse_bytes(value) if isinstance(value, str) else None
            if size is None and isinstance(value, str) and _exact(value) is not None:
                raise ProfileError(trait, f"`{value}` is no whole number of bytes")
            if not size:
                raise ProfileError(trait, f"`{trait}` is a number of bytes, such as `64 MiB`")
            return size
        case "backend":
            if not isinstance(value, str):
                raise ProfileError(trait, "`backend` is the name of a back end")
            return value
        case _:
            if not isinstance(value, list | tuple) or not all(isinstance(x, str) for x in value):
                raise ProfileError(trait, f"`{trait}` is a list of words")
            return tuple(value)
