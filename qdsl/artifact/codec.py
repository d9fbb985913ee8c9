"""Writes dims, operations and formats as JSON values, and reads them back by their field types.

A frozen dataclass is an object of its fields and `is`, its class; one without fields is the name of
its class; spans are left out. An enumeration is its word, a tuple a list, and a float that JSON
lacks is `"inf"`, `"-inf"`, `"nan"`.
A dim is an integer, a name, or a list of terms `[coefficient, atom, …]`; an atom is a name or a
floor division `[numerator, denominator]`.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum, StrEnum
from functools import cache
from math import isfinite, prod
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from qdsl.ir.shape import ZERO, Atom, Dim, FloorDiv

Json = Any
Scalar = TypeVar("Scalar", int, bool, str)
LARGEST_INTEGER = (1 << 63) - 1
_NOT_FINITE = {"inf": float("inf"), "-inf": float("-inf"), "nan": float("nan")}
_MOST_AXES, _MOST_TERMS = 16, 4096  # of a shape; of the product of its dims


_REQUIRED = object()  # is no value


class Malformed(Exception):
    """A JSON value that is not what the format of the file says; the message names it."""


# ---- writing -----------------------------------------------------------------------------------


def encode(value: object) -> Json:
    """The JSON value of a dim, an operation, a format, or a field of one."""
    match value:
        case Dim():
            return encode_dim(value)
        case tuple():
            return [encode(v) for v in value]
        case Enum():
            return value.value
        case float():
            return value if isfinite(value) else str(value)
        case bool() | int() | str() | None:
            return value
        case _:
            kind: Any = type(value)
            optional = _optional(kind)
            given = {
                n: encode(v)
                for n in _field_names(kind)
                if (v := getattr(value, n)) != optional.get(n, _REQUIRED)
            }
            return {"is": kind.__name__, **given} if given else kind.__name__


def encode_dim(value: Dim) -> Json:
    if (constant := value.constant) is not None:
        return constant
    match value.terms:
        case (((str(name),), 1),):
            return name
    return [[c, *(_encode_atom(a) for a in p)] for p, c in value.terms]


def _encode_atom(atom: Atom) -> Json:
    match atom:
        case str():
            return atom
        case FloorDiv(numerator, denominator):
            return [encode_dim(numerator), encode_dim(denominator)]


# ---- reading -----------------------------------------------------------------------------------


def decode(kind: Any, value: Json) -> Any:
    """The value of that type; raises Malformed."""
    if kind is Dim:
        return decode_dim(value)
    if kind is float:
        return _number(value)
    if get_origin(kind) is tuple:
        return _decode_tuple(get_args(kind), value)
    if isinstance(kind, UnionType) or get_origin(kind) is Union:
        return _decode_union(get_args(kind), value)
    return _decode_class(kind, value)


def _decode_class(kind: type[Any], value: Json) -> Any:
    if is_dataclass(kind):
        return _decode_object({kind.__name__: kind}, value)
    return _word(kind, value) if issubclass(kind, StrEnum) else scalar(kind, value)


def scalar(kind: type[Scalar], value: Json) -> Scalar:
    """An int, bool or str, exactly of that type; raises Malformed."""
    if type(value) is not kind:
        raise Malformed(f"`{_short(value)}` is no {kind.__name__}")
    if kind is int and not -LARGEST_INTEGER <= int(value) <= LARGEST_INTEGER:
        raise Malformed("an integer exceeds 63 bits")
    return value


def sequence(value: Json) -> list[Json]:
    """A list; raises Malformed."""
    if not isinstance(value, list):
        raise Malformed(f"`{_short(value)}` is no list")
    return value


def record(value: Json, names: frozenset[str]) -> Mapping[str, Json]:
    """An object of exactly these names; raises Malformed."""
    if not isinstance(value, dict):
        raise Malformed(f"`{_short(value)}` is no object")
    if value.keys() != names:
        odd = sorted(value.keys() ^ names)[0]
        raise Malformed(f"`{_short(odd)}` is {'unknown' if odd in value else 'missing'}")
    return value


def decode_dim(value: Json) -> Dim:
    match value:
        case bool():
            raise Malformed("a dim is no bool")
        case int():
            number = scalar(int, value)
            return Dim((((), number),)) if number else ZERO
        case str() if value:
            return Dim((((value,), 1),))
        case [_, *_]:
            return _decode_terms(value)
        case _:
            raise Malformed(f"`{_short(value)}` is no dim")


def _decode_terms(value: list[Json]) -> Dim:
    terms = []
    for term in value:
        match term:
            case [int(c), *atoms] if c and not isinstance(c, bool):
                terms.append((tuple(_decode_atom(a) for a in atoms), scalar(int, c)))
            case _:
                raise Malformed(f"`{_short(term)}` is no term of a dim")
    if len({p for p, _ in terms}) != len(terms):
        raise Malformed("a dim has one product twice")
    return Dim(tuple(terms))


def _decode_atom(value: Json) -> Atom:
    match value:
        case str() if value:
            return value
        case [numerator, denominator]:
            divisor = decode_dim(denominator)
            if divisor == ZERO:
                raise Malformed("a dim is divided by 0")
            return FloorDiv(decode_dim(numerator), divisor)
        case _:
            raise Malformed(f"`{_short(value)}` is no atom of a dim")


def _decode_tuple(kinds: tuple[Any, ...], value: Json) -> tuple[Any, ...]:
    items = sequence(value)
    if kinds[1:] != (...,):
        if len(items) != len(kinds):
            raise Malformed(f"a list of {len(items)} where {len(kinds)} are due")
        return tuple(decode(k, v) for k, v in zip(kinds, items, strict=True))
    if kinds[0] is Dim:
        return decode_shape(items)
    return tuple(decode(kinds[0], v) for v in items)


def decode_shape(items: list[Json]) -> tuple[Dim, ...]:
    """Dims whose product stays small: what a hostile file makes us multiply is bounded."""
    if len(items) > _MOST_AXES:
        raise Malformed(f"a shape of {len(items)} axes")
    shape = tuple(decode_dim(v) for v in items)
    if prod(len(d.terms) or 1 for d in shape) > _MOST_TERMS:
        raise Malformed("a shape of too many terms")
    return shape


def _decode_union(kinds: tuple[Any, ...], value: Json) -> Any:
    if value is None and type(None) in kinds:
        return None
    if classes := {k.__name__: k for k in kinds if _is_record(k)}:
        return _decode_object(classes, value)
    if Dim in kinds and not (int in kinds and _is_number(value)):
        return decode_dim(value)
    if isinstance(value, float | str):
        return _number(value)
    if type(value) in kinds:
        return scalar(type(value), value)
    raise Malformed(f"`{_short(value)}` is of no type that may stand here")


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and value in _NOT_FINITE)


def _is_record(kind: Any) -> bool:
    return is_dataclass(kind) and kind is not Dim


def _decode_object(classes: Mapping[str, Any], value: Json) -> Any:
    tag = value.get("is") if isinstance(value, dict) else value
    if not isinstance(tag, str) or tag not in classes:
        raise Malformed(f"`{_short(tag)}` may not stand here")
    types = _field_types(classes[tag])
    if value == tag and types.keys() <= _optional(classes[tag]).keys():
        return classes[tag]()
    if not types:
        raise Malformed(f"`{_short(tag)}` has no fields")
    left_out = _optional(classes[tag]).keys() - (value.keys() if isinstance(value, dict) else ())
    given = record(value, frozenset(types) - left_out | {"is"})
    return classes[tag](**{n: decode(t, given[n]) for n, t in types.items() if n in given})


@cache
def _field_names(kind: Any) -> tuple[str, ...]:
    """Names of the fields that are written; their types cost time that only reading needs."""
    return tuple(f.name for f in fields(kind) if f.name != "span")


@cache
def _optional(kind: Any) -> Mapping[str, object]:
    """Defaults of the fields that are newer than the format: written where they differ."""
    return {f.name: f.default for f in fields(kind) if f.metadata.get("optional")}


@cache
def _field_types(kind: Any) -> Mapping[str, Any]:
    """Types of the fields that are written."""
    hints = get_type_hints(kind)
    return {name: hints[name] for name in _field_names(kind)}


def _number(value: Json) -> Any:
    match value:
        case str() if value in _NOT_FINITE:
            return _NOT_FINITE[value]
        case float() if isfinite(value):
            return value
        case int() if not isinstance(value, bool):
            # a float field may hold an integer, which is written as one
            return scalar(int, value)
        case _:
            raise Malformed(f"`{_short(value)}` is no number")


def _word(kind: type[StrEnum], value: Json) -> StrEnum:
    try:
        return kind(value)
    except ValueError:
        raise Malformed(f"`{_short(value)}` is no {kind.__name__}") from None


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:40] + "…"
