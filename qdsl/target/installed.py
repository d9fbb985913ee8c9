"""Finds back ends, and the kernel that serves a layer."""

from collections.abc import Mapping
from functools import cache
from typing import cast

from qdsl.ir.format import Activations, FloatGrid, WeightFormat, code_bits
from qdsl.registry import entry_points, load_entry_point
from qdsl.target.contract import Availability, Backend, Capability
from qdsl.target.words import grid_word, input_word

GROUP = "qdsl.backends"  # entry points: name = module:BACKEND


@cache
def backends() -> Mapping[str, Backend]:
    """Installed back ends by name; one that cannot be imported is left out by `installed`."""
    return {name: b for name, b in installed().items() if not isinstance(b, Availability)}


@cache
def installed() -> Mapping[str, Backend | Availability]:
    """Every entry point: the back end, or why it could not be imported."""
    found: dict[str, Backend | Availability] = {}
    for name, value in entry_points(GROUP).items():
        try:
            found[name] = cast(Backend, load_entry_point(value))
        except Exception as failure:  # a third party's package may fail in any way
            found[name] = Availability(False, f"{type(failure).__name__}: {failure}")
    return found


def find_kernel(
    backend: Backend, operation: str, weight: WeightFormat, activations: Activations | None
) -> Capability | None:
    """The kernel that serves a layer, None when there is none."""
    if isinstance(weight.grid, FloatGrid):
        return None
    wanted = (operation, grid_word(weight), input_word(operation, activations))
    for capability in backend.capabilities():
        served = (capability.operation, capability.grid) == wanted[:2]
        if served and code_bits(weight.grid) in capability.bits:
            if wanted[2] in capability.activations:
                return capability
    return None
