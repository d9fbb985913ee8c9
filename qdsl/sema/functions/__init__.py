"""The closed table of functions of tensors: each a typed function over the builder."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from qdsl.sema.functions.function import TensorFunction as TensorFunction


@cache
def table() -> Mapping[str, TensorFunction]:
    """Every function by its name in a spec."""
    from qdsl.sema.functions import arrange, elementwise, reduce

    found: dict[str, TensorFunction] = {}
    for module in (elementwise, arrange, reduce):
        for function in module.FUNCTIONS:
            found[function.name] = function
    return MappingProxyType(found)
