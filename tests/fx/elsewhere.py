"""Runs models whose weights and inputs are on a device that is not there; a process of its own.

Fake tensors say where they are without holding numbers, and torch refuses to compute with tensors
of two devices. So what a graph makes on the processor, although its inputs are not, is found.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

import qdsl
from qdsl.bench.given import random_inputs, sizes_of
from qdsl.bench.packed import pack_untrained
from qdsl.fx import Program
from qdsl.fx.recording import as_tuple, placed
from qdsl.ir.model import Arithmetic
from qdsl.spec import Variant

SPECS = Path(__file__).parents[2] / "specs"
MODELS = {
    "digits": ("float", "int4", "usm_lite", "binary", "integer"),
    "resnet": ("int8",),
    "tiny_lm": ("int2", "sparse"),
}


def there(x: Tensor) -> Tensor:
    return torch.empty(x.shape, dtype=x.dtype, device="elsewhere")


def moved(program: Program) -> Program:
    """The program with all its tensors there."""
    for module in program.modules():
        for name, p in module._parameters.items():
            if p is not None:
                module._parameters[name] = nn.Parameter(there(p), p.requires_grad)
        for name, b in module._buffers.items():
            module._buffers[name] = None if b is None else there(b)
    return program


def run(program: Program) -> list[Tensor]:
    """The results of all entries."""
    found: list[Tensor] = []
    for entry in program.ir.entries:
        given = placed(random_inputs(program.ir, entry, sizes_of(entry, {})), program.device)
        found += as_tuple(program.entry(entry.name)(*given))
    assert {result.device.type for result in found} == {"elsewhere"}
    return found


def check(variant: Variant, folder: Path) -> None:
    """The packed graph, and a step of training but for models of integers."""
    pack_untrained(variant, folder / "model.qpack")
    packed = qdsl.load(folder / "model.qpack")
    with FakeTensorMode(), torch.no_grad():
        run(moved(packed))
    if variant.model.arithmetic is Arithmetic.INTEGER:
        return  # it looks at numbers, which are not there
    trained = variant.program(seed=0).to_qat().train()
    with FakeTensorMode():
        floats = [r for r in run(moved(trained)) if r.is_floating_point() and r.requires_grad]
        torch.stack([r.sum() for r in floats]).sum().backward()


def main() -> None:
    _setup_privateuseone_for_python_backend("elsewhere")
    with TemporaryDirectory() as folder:
        for spec, names in MODELS.items():
            variants = qdsl.load_spec(SPECS / f"{spec}.qspec").variants
            for name in names:
                print(spec, name, flush=True)
                check(variants[name], Path(folder))
    print("all on one device")


if __name__ == "__main__":
    sys.exit(main())
