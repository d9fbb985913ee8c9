"""Turns a format as written into the format of a weight or of activations."""

import qdsl.formats
from qdsl.formats import make_activation_format, make_weight_format
from qdsl.ir.family import Family, FormatError
from qdsl.ir.format import Activations, WeightFormat
from qdsl.registry import member
from qdsl.sema.context import Context
from qdsl.sema.values import FormatValue
from qdsl.source import Span


def weight_format(value: FormatValue, span: Span, context: Context) -> WeightFormat:
    """The weight format; raises Stop after reporting what it does not take."""
    family = member(qdsl.formats, value.family, Family)
    options = dict(value.options)
    made = make_weight_format(family, options, value.flags, value.pattern)  # type: ignore[arg-type]
    if isinstance(made, FormatError):
        raise context.stop("Q301", made.message, value.span or span, help=made.help)
    return made


def is_activation(value: FormatValue) -> bool:
    """Whether the format says itself that it is one of activations."""
    words = {*value.flags, dict(value.options).get("per")}
    return bool({"dynamic", "static", "token"} & words)


def activation_format(value: FormatValue, span: Span, context: Context) -> Activations | None:
    """The activation format, None for f32; raises Stop after reporting."""
    if value.family == "f32" and not value.options and not value.flags:
        return None
    family = member(qdsl.formats, value.family, Family)
    options = dict(value.options)
    made = make_activation_format(family, options, value.flags)  # type: ignore[arg-type]
    if isinstance(made, FormatError):
        raise context.stop("Q302", made.message, value.span or span, help=made.help)
    return made
