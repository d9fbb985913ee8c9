"""The fully quantized speech Transformer, made small, from a step of training to verification."""

from pathlib import Path

import pytest
import torch

from qdsl import load, load_spec
from qdsl.fx import verify

SPEC = Path(__file__).parents[3] / "specs" / "fully_quantized.qspec"
SMALL = "d features vocab heads hidden encoder_layers decoder_layers channels".split()
SIZES = (16, 12, 13, 2, 24, 1, 1, 3)
VARIANTS = "paper paper_placed integer integer_polynomial integer_placed".split()


@pytest.mark.parametrize("variant", VARIANTS)
def test_from_training_to_verification(variant: str, tmp_path: Path) -> None:
    sizes = "".join(f"    model.{n} = {v}\n" for n, v in zip(SMALL, SIZES, strict=True))
    spec = tmp_path / "small.qspec"
    spec.write_text(f"{SPEC.read_text()}\nvariant small extends {variant} {{\n{sizes}}}\n")
    small = load_spec(spec).variants["small"]
    torch.manual_seed(0)
    labels, lengths = torch.randint(1, 13, (2, 4)), torch.tensor([5, 3])
    encode = torch.randn(2, 21, 12), 4 * lengths
    decode = labels, torch.randn(2, 5, 16), lengths

    program = small.program().to_qat().train()
    optimizer = torch.optim.SGD(program.parameters(), lr=0.01)
    for _ in range(2):
        program.encode(*encode)
        logits = program.decode(*decode)
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels.flatten())
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    path = tmp_path / "small.qpack"
    assert program.eval().pack(path) == small.size().total_bytes
    backend = "cpu" if variant.startswith("integer") else "reference"
    report = verify(program, path, [("encode", encode), ("decode", decode)], backend)
    assert report.ok, str(report)
    assert load(path, backend).decode(*decode).shape == (2, 5, 13)
