"""The closed table of functions of tensors: each a typed function over the builder."""

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

from qdsl.record import record


@record
class TensorFunction:
    """`apply(builder, …)`: annotations say which arguments are tensors and which are static."""

    name: str
    apply: Callable[..., object]

    @property
    def doc(self) -> str:
        return (self.apply.__doc__ or "").strip()


@cache
def table() -> Mapping[str, TensorFunction]:
    """Every function by its name in a spec."""
    from qdsl.sema.functions import arrange, elementwise, reduce

    found: dict[str, TensorFunction] = {}
    for module in (elementwise, arrange, reduce):
        for function in module.FUNCTIONS:
            name = function.__name__.rstrip("_")
            found[name] = TensorFunction(name, function)
    return MappingProxyType(found)
