"""Trains a small model one step by kernels, and by torch; a process of its own.

A back end is asked for kernels once a device, and here for those of processors.
"""

import os
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

sys.path.insert(0, str(Path(__file__).parent))
import interpreter

import qdsl
from qdsl.target import trainer
from qdsl_gpu import BACKEND

SPEC = """qspec 1

model Net(d: int = 24) {
    hidden = Linear(d -> 32)
    wide = Linear(32 -> 32)
    signs = Linear(32 -> 24)
    mix = Conv1d(24 -> 16, 3)
    output = Linear(16 -> 8)

    entry forward(x: f32[B, T, d]) {
        y = hidden(x) |> relu |> wide |> signs
        return mix(y) |> output
    }
}

policy low for Net {
    ** { weights = int4(group = 8); activations = int8(dynamic) }
    wide { weights = int3(clip = learned) sparse 2:4; activations = int4(static, clip = learned) }
    signs { weights = ternary; activations = int8(static) }
    output { weights = nf4; activations = f32 }
}

variant small {
    model = Net()
    policy = low
}
"""


def step(spec: Path, narrow: bool) -> dict[str, Tensor]:
    """The result and the gradients, of products in f32 or bf16."""
    program = qdsl.load_spec(spec).variants["small"].program(seed=1).to_qat().train()
    x = torch.randn(2, 5, 24, generator=torch.Generator().manual_seed(2))
    with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
        program(x)
        y = checkpoint(program, x, use_reentrant=False)
    y.float().square().mean().backward()
    gradients = {k: p.grad for k, p in program.named_parameters() if p.grad is not None}
    return {"result": y.detach(), **gradients}


def count(calls: Counter[str]) -> None:
    """Has what the back end is asked for counted, where it is not refused."""
    for name in ("fake_quantize", "round_over", "round_range", "round_learned"):
        stock = getattr(type(BACKEND), name)

        def counted(*given: object, stock: object = stock, name: str = name) -> object:
            found = stock(*given)  # type: ignore[operator]
            calls[name] += found is not None
            return found

        setattr(type(BACKEND), name, counted)


def main() -> None:
    interpreter.correct()
    calls: Counter[str] = Counter()
    count(calls)
    with TemporaryDirectory() as folder:
        spec = Path(folder, "net.qspec")
        spec.write_text(SPEC)
        ours = [step(spec, narrow) for narrow in (False, True)]
        assert len(calls) == 4, calls
        del os.environ["TRITON_INTERPRET"]
        trainer.cache_clear()
        before = calls.copy()
        own = [step(spec, narrow) for narrow in (False, True)]
        assert calls == before, "torch alone was to compute it"
    for (a, b), far in zip(zip(ours, own, strict=True), (1.0, 100.0), strict=True):
        assert a.keys() == b.keys()
        for key, value in b.items():
            torch.testing.assert_close(a[key], value, rtol=1e-4 * far, atol=1e-5 * far, msg=key)
    print("equal")


if __name__ == "__main__":
    main()
