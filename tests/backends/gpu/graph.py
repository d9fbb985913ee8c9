"""Packs a small model, runs and exports it on the operations for GPUs; a process of its own.

Both back ends implement the operations of processors here, so one alone may be registered.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch.export import Dim, export

sys.path.insert(0, str(Path(__file__).parent))
import interpreter

import qdsl

SPEC = """qspec 1

model Net(d: int = 40) {
    table = Embedding(20, d)
    hidden = Linear(d -> 60)
    around = Linear(60 -> d)
    mix = Conv1d(d -> 24, 3)
    output = Linear(24 -> 8)

    entry run(ids: i64[B, T]) {
        x = table(ids)
        y = hidden(x) |> relu |> around
        return mix(x + y) |> output
    }
}

policy low for Net {
    ** { weights = int4; activations = int8(dynamic) }
    table { weights = ternary }
    output { weights = int2; activations = f32 }
}

variant small {
    model = Net()
    policy = low
}
"""


def main() -> None:
    interpreter.correct()
    with TemporaryDirectory() as folder:
        spec, packed = Path(folder, "net.qspec"), Path(folder, "net.qpack")
        spec.write_text(SPEC)
        qdsl.load_spec(spec).variants["small"].program(seed=1).pack(packed)
        ours, exact = qdsl.load(packed, backend="gpu"), qdsl.load(packed, backend="reference")
    ids = torch.randint(0, 20, (2, 4))
    expected = exact.run(ids)
    assert torch.allclose(ours.run(ids), expected, rtol=1e-5, atol=1e-6)
    fused = [n for n in ours.graph("run").nodes if "relu" in n.kwargs or "residual" in n.kwargs]
    assert len(fused) == 2, ours.graph("run")
    shape = {"ids": {0: Dim("batch"), 1: Dim("time", min=4, max=64)}}
    made = export(ours.graph_module("run"), (ids,), dynamic_shapes=shape)
    names = {str(n.target) for n in made.graph.nodes if n.op == "call_function"}
    assert {"qdsl.linear.default", "qdsl.embedding.default"} <= names
    longer = torch.randint(0, 20, (3, 5))
    assert torch.equal(made.module()(longer), ours.run(longer))
    compiled = torch.compile(ours.graph_module("run"), backend="eager", fullgraph=True)
    assert torch.equal(compiled(longer), ours.run(longer))
    print("equal")


if __name__ == "__main__":
    main()
