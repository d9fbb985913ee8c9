"""The number formats of a spec, one per file, and what may be said of each."""

from qdsl.formats._activation import make_activation_format
from qdsl.formats._check import check_activations, check_format, check_shape, format_warning
from qdsl.formats._weight import make_weight_format
from qdsl.ir.family import Family, FormatError

__all__ = (
    "Family",
    "FormatError",
    "check_activations",
    "check_format",
    "check_shape",
    "format_warning",
    "make_activation_format",
    "make_weight_format",
)
