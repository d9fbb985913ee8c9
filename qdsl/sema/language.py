"""Knows the words of the language itself: formats, layer kinds, functions of tensors."""

from collections.abc import Mapping
from functools import cache
from inspect import signature

import qdsl.formats
import qdsl.layers
from qdsl.ir.builder import Value
from qdsl.ir.layer import Layer
from qdsl.registry import member_class, names
from qdsl.sema.functions import table
from qdsl.sema.values import AnyWord, FormatValue, FunctionName, LayerKind, Val
from qdsl.source import Span

DTYPES = ("f32", "i64", "bool")


@cache
def format_names() -> frozenset[str]:
    return frozenset(names(qdsl.formats))


@cache
def layer_kind(text: str) -> LayerKind | None:
    """The layer kind of that name, None when there is none."""
    if not text[:1].isupper() or text.lower() not in _layer_files():
        return None
    layer = member_class(qdsl.layers, text.lower(), Layer)
    return LayerKind(text, layer) if layer.__name__ == text else None


@cache
def layer_kinds() -> tuple[LayerKind, ...]:
    """Every layer kind; imports them all, so only for lists and suggestions."""
    found = (member_class(qdsl.layers, n, Layer) for n in names(qdsl.layers))
    return tuple(LayerKind(x.__name__, x) for x in found)


def layer_functions(kind: type[Layer]) -> Mapping[str, tuple[str, ...]]:
    """Functions of a layer, each with the names of its inputs."""
    return _layer_functions(kind)  # type: ignore[arg-type]  # mypy: a class is hashable


@cache
def _layer_functions(kind: type[Layer]) -> Mapping[str, tuple[str, ...]]:
    return {
        # behind the layer itself and the builder
        name: tuple(signature(function).parameters)[2:]  # type: ignore[arg-type]
        for name, function in kind.functions().items()
    }


def layer_results(kind: type[Layer], function: str) -> int:
    """How many results: one, or where a state goes in, the state again beside it."""
    annotation = signature(kind.functions()[function]).return_annotation  # type: ignore[arg-type]
    return 1 if annotation is Value else len(layer_functions(kind)[function])


def language_name(text: str, span: Span | None) -> Val:
    """A format family, layer kind or function of the language, None when there is none."""
    if text in format_names():
        return FormatValue(text, span=span)
    if layer := layer_kind(text):
        return layer
    if text == "any":
        return AnyWord()
    return FunctionName(text) if is_function(text) else None


def is_function(text: str) -> bool:
    return text in table() or text in ("transpose", "len")


def language_names() -> tuple[str, ...]:
    """All words, for suggestions."""
    kinds = (k.name for k in layer_kinds())
    return (*format_names(), "any", *kinds, *table(), "transpose", "len")


@cache
def _layer_files() -> frozenset[str]:
    return frozenset(names(qdsl.layers))
