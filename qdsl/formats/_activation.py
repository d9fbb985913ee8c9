"""Makes the format of activations: dynamic symmetric int8, the one kind there is so far."""

from collections.abc import Collection, Mapping

from qdsl.formats._reading import Value
from qdsl.ir.family import Family, FormatError
from qdsl.ir.format import ActivationFormat, PerTensor, PerToken

_WRITE = "write `int8(dynamic, per = token)`"


def make_activation_format(
    family: Family, options: Mapping[str, Value], flags: Collection[str]
) -> ActivationFormat | FormatError:
    """The format of `activations = int8(dynamic, per = token | tensor)`."""
    if not family.activations:
        return FormatError(
            family.name, f"activations of `{family.name}` are not supported yet", _WRITE
        )
    if "dynamic" not in flags:
        return FormatError(family.name, "static activations are not supported yet", _WRITE)
    for name in (*options, *flags):
        if name not in ("per", "dynamic", "symmetric"):
            return FormatError(name, f"dynamic activations take no option `{name}`", _WRITE)
    match options.get("per", "token"):
        case "token":
            return ActivationFormat(PerToken())
        case "tensor":
            return ActivationFormat(PerTensor())
        case other:
            return FormatError("per", f"`per` is `{other}`", "one of `token`, `tensor`")
