"""Describes a kernel: its function, and variants of it that are compiled without a device."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from qdsl_gpu.devices import has_several


@dataclass(frozen=True, slots=True)
class Variant:
    """One specialisation.

    types: of the arguments that are no constants, in Triton's words; `multiples` names those that
    are multiples of 16, besides pointers. matrix: what its matrix instruction multiplies, `float`,
    `int8`, the same and `, narrow`, or nothing. Triton makes constants of sizes that are 1:
    variants `ones` have such.
    """

    name: str
    types: Mapping[str, str]
    constants: Mapping[str, object]
    warps: int = 4
    stages: int = 3
    matrix: str = ""
    multiples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kernel:
    """A function of Triton, with its variants."""

    function: Any
    variants: tuple[Variant, ...] = field(default=())

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        """As Triton launches: `kernel[grid](…)`, on the device of the tensors that it is given."""
        launch = self.function[grid]
        return partial(_launch_there, launch) if has_several() else launch


def _launch_there(launch: Callable[..., Any], *arguments: Any, **constants: Any) -> Any:
    # Triton takes the current device, wherever tensors are
    import torch

    tensor = next(a for a in arguments if isinstance(a, torch.Tensor))
    with torch.cuda.device(tensor.device):
        return launch(*arguments, **constants)
