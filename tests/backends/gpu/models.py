"""Packs the project's systems, made small, and holds them on GPUs to the reference.

A process of its own: Triton is told to interpret when it is imported, and training is not to be.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parent))
import interpreter

import qdsl
from qdsl.target import backends

SPECS = Path(__file__).parents[3] / "specs"
GRU = """qspec 1

model Recurrent(d: int = 12) {
    inner = GRU(d, d)
    outer = GRU(d, d)
    output = Linear(d -> 5)

    entry run(x: f32[B, T, d]) {
        y = x |> inner |> outer
        scores = einsum(y, y, "btd,bsd->bts")
        return einsum(scores, y, "bts,bsd->btd") |> output
    }
}

policy low for Recurrent {
    ** { weights = int4; activations = int8(dynamic); matmul = int8(dynamic) }
    outer { activations = uint8(static, asymmetric); state = int8(static) }
    inner { state = int8(dynamic) }
}
"""


@dataclass(frozen=True)
class System:
    """A variant behind a spec, and inputs of its entries.

    is_exact: all products are of integers. observes: static ranges are found first.
    """

    spec: str
    small: str
    inputs: Callable[[], dict[str, tuple[Tensor, ...]]]
    is_exact: bool = False
    observes: bool = False


def conformer_inputs() -> dict[str, tuple[Tensor, ...]]:
    return {
        "encode": (torch.randn(1, 5, 80), torch.tensor([5])),
        "step": (torch.tensor([[3, 0]]),),
        "join": (torch.randn(1, 3, 16), torch.randn(1, 2, 16)),
    }


def transformer_inputs() -> dict[str, tuple[Tensor, ...]]:
    lengths, labels = torch.tensor([3, 2]), torch.randint(1, 13, (2, 2))
    return {
        "encode": (torch.randn(1, 9, 4), torch.tensor([8])),
        "decode": (labels, torch.randn(2, 3, 16), lengths),
    }


def digits_inputs() -> dict[str, tuple[Tensor, ...]]:
    return {
        "encode": (torch.randn(1, 9, 8), torch.tensor([9])),
        "predict": (torch.tensor([[3, 1, 2]]),),
        "join": (torch.randn(1, 2, 8), torch.randn(1, 3, 8)),
    }


TRANSFORMER = """
    model.d = 16
    model.features = 4
    model.vocab = 13
    model.heads = 2
    model.hidden = 24
    model.encoder_layers = 1
    model.decoder_layers = 1
    model.channels = 3
"""
SYSTEMS = {
    "a Conformer with a tied decoder, 2:4": System(
        "usm_lite",
        """model = Recognizer(d = 16, layers = 3, vocab = 24)
        policy = usm_lite
        policy += { encoder.blocks[1].**:Linear { weights = int4(group = 16) sparse 2:4 } }""",
        conformer_inputs,
    ),
    "a Conformer of 2 bits and bf16": System(
        "usm_2b",
        """model = UsmCtc(d = 16, layers = 1, heads = 2, vocab = 9)
        policy = bits1
        policy += {
            encoder.blocks[*].**:Linear {
                weights = int2(group = 8, asymmetric)
                activations = bf16
            }
        }""",
        lambda: {"encode": (torch.randn(1, 5, 128), torch.tensor([5]))},
    ),
    "a Transformer in bytes": System(
        "fully_quantized", f"{TRANSFORMER}", transformer_inputs, is_exact=True, observes=True
    ),
    "an RNN-T with LSTMs": System(
        "digits",
        """model = Digits(features = 8, d = 16, joint = 8, state = 8)
        policy = w4a8
        policy += {
            **:Linear { weights = int4(group = 8) }
            prediction.lstm { weights = int4(group = 8) }
            encoder.lstm {
                weights = int4(group = 8)
                activations = uint8(static, asymmetric)
                state = int8(static)
            }
        }""",
        digits_inputs,
        is_exact=True,
        observes=True,
    ),
    "GRUs": System(
        GRU,
        "model = Recurrent()\n policy = low",
        lambda: {"run": (torch.randn(2, 3, 12),)},
        is_exact=True,
        observes=True,
    ),
    "a language model": System(
        "tiny_lm",
        """model = TinyLm(vocab = 16, d = 32, layers = 3, heads = 4, groups = 2, hidden = 48)
        policy = w4a8
        policy += {
            lm.blocks[1].**:Linear { weights = int4(group = 16) }
            lm.blocks[1].feed_forward.up { weights = int4(group = 16) sparse 2:4 }
        }""",
        lambda: {"score": (torch.randint(0, 16, (1, 4)),)},
        is_exact=True,
    ),
}


def pack(system: System, folder: Path) -> qdsl.Variant:
    """Its variant, packed as `small.qpack`."""
    found = SPECS / f"{system.spec}.qspec"
    text = found.read_text() if len(system.spec) < 20 else system.spec
    extends = " extends paper" if system.spec == "fully_quantized" else ""
    (folder / "small.qspec").write_text(
        f"{text}\nvariant system{extends} {{\n{system.small}\n target = gpu\n}}\n"
    )
    variant = qdsl.load_spec(folder / "small.qspec").variants["system"]
    torch.manual_seed(0)
    program = variant.program(seed=1)
    if system.observes:
        program = program.to_qat().train()
        with torch.no_grad():
            for entry, inputs in system.inputs().items():
                getattr(program, entry)(*inputs)
    program.eval().pack(folder / "small.qpack")
    return variant


def check_plan(variant: qdsl.Variant) -> None:
    """Every layer has a kernel of its own: none is left to the reference."""
    assert variant.findings() == ()
    planned = {row.kernel for row in variant.size().rows}
    assert planned <= {"", "float", *known()}, planned


def known() -> set[str]:
    """Names of kernels, and of those joined where several read one weight."""
    names = {c.kernel for c in backends()["gpu"].capabilities()}
    return names | {f"{a}+{b}" for a in names for b in names}


def compare(system: System, folder: Path) -> None:
    ours = qdsl.load(folder / "small.qpack", backend="gpu")
    exact = qdsl.load(folder / "small.qpack", backend="reference")
    torch.manual_seed(1)
    for entry, inputs in system.inputs().items():
        found, expected = getattr(ours, entry)(*inputs), getattr(exact, entry)(*inputs)
        found, expected = (r if isinstance(r, tuple) else (r,) for r in (found, expected))
        for a, b in zip(found, expected, strict=True):
            close = torch.allclose(a, b, rtol=1e-4, atol=1e-5)
            assert torch.equal(a, b) if system.is_exact else close, (entry, (a - b).abs().max())


def main() -> None:
    interpreter.correct()
    for name, system in SYSTEMS.items():
        with TemporaryDirectory() as made:
            os.environ["TRITON_INTERPRET"] = "0"
            variant = pack(system, Path(made))
            os.environ["TRITON_INTERPRET"] = "1"
            check_plan(variant)
            compare(system, Path(made))
        print(name, flush=True)
    print("equal")


if __name__ == "__main__":
    main()
