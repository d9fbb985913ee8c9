"""Packs a small Transformer of integer arithmetic and runs it on the kernels; a process of its own.

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

SPEC = Path(__file__).parents[3] / "specs" / "fully_quantized.qspec"
SIZES = {
    "d": 16,
    "features": 12,
    "vocab": 13,
    "heads": 2,
    "hidden": 24,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "channels": 3,
    "contexts": 1,
}


def main() -> None:
    interpreter.correct()
    torch.manual_seed(0)
    labels, lengths = torch.randint(1, 13, (2, 3)), torch.tensor([3, 2])
    encode = torch.randn(2, 13, 12), 4 * lengths
    decode = labels, torch.randn(2, 3, 16), lengths
    sizes = "".join(f"    model.{name} = {value}\n" for name, value in SIZES.items())
    with TemporaryDirectory() as folder:
        spec, packed = Path(folder, "small.qspec"), Path(folder, "small.qpack")
        spec.write_text(f"{SPEC.read_text()}\nvariant small extends integer {{\n{sizes}}}\n")
        program = qdsl.load_spec(spec).variants["small"].program(seed=1).to_qat().train()
        program.encode(*encode)
        program.decode(*decode)
        program.eval().pack(packed)
        ours, exact = qdsl.load(packed, backend="gpu"), qdsl.load(packed, backend="reference")
    frames, counts = ours.encode(*encode)
    expected, expected_counts = exact.encode(*encode)
    assert torch.equal(frames, expected)
    assert torch.equal(counts, expected_counts)
    logits = ours.decode(*decode)
    assert torch.equal(logits, exact.decode(*decode))
    assert logits.unique().numel() > 20, "all alike"
    batch = Dim("batch")
    shapes = {"labels": {0: batch}, "memory": {0: batch}, "lengths": {0: batch}}
    made = export(ours.graph_module("decode"), decode, dynamic_shapes=shapes)
    names = {str(n.target) for n in made.graph.nodes if n.op == "call_function"}
    assert {"qdsl.integer_linear.default", "qdsl.integer_einsum.default"} <= names
    print("equal")


if __name__ == "__main__":
    main()
