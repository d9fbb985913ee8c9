"""Keeps a frozen QAT program in a file, and brings it back."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Size

from qdsl.diagnostic.model import QdslError, error
from qdsl.fx.program import Program
from qdsl.fx.ranges import freeze_ranges
from qdsl.replacing import replacing


def save_frozen(program: Program, path: Path) -> None:
    """Freezes and writes the state dict as safetensors, whole or not at all. Raises OSError."""
    state = {k: v.contiguous() for k, v in program.freeze().state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(save(state))


def restore_frozen(program: Program, path: Path) -> Program:
    """The QAT program of a float one with the frozen state of a file, in evaluation mode.

    Raises QdslError: Q001 for a file that cannot be read, Q713 for one that is not the frozen state
    of this variant.
    """
    quantized = program.to_qat()
    for _, quantizer, weight in quantized.quantizers():
        quantizer.freeze(weight)  # makes the fields that the state fills
    shapes = {key: value.shape for key, value in quantized.state_dict().items()}
    try:
        with path.open("rb"):  # safetensors does not say why it cannot read a file
            state = load_file(path)
        # fields of quantizers take any shape
        for key in (k for k, v in state.items() if v.shape != shapes.get(k, v.shape)):
            raise RuntimeError(f"`{key}` is {_text(state[key].shape)}, not {_text(shapes[key])}")
        quantized.load_state_dict(state)
    except OSError as failure:
        message = f"cannot read state `{path}`: {failure.strerror or failure}"
        raise QdslError([error("Q001", message)]) from None
    except SafetensorError:
        message = f"`{path}` is no frozen state: it is not of safetensors"
        help = "`qdsl compile --state FILE` writes one, and so does `qdsl train`"
        raise QdslError([error("Q713", message, help=help)]) from None
    except RuntimeError as failure:
        first = str(failure).splitlines()[-1].strip()
        message = f"`{path}` is not the frozen state of this variant: {first}"
        raise QdslError([error("Q713", message)]) from None
    if missing := [o for _, _, o in quantized.ranges() if not o.observed]:
        name = f"`{missing[0].range.path}`, {missing[0].range.name}"
        message = f"`{path}` is not the frozen state of this variant: no range of {name}"
        raise QdslError([error("Q713", message)])
    freeze_ranges(observer for _, _, observer in quantized.ranges())
    return quantized.eval()


def _text(shape: Size) -> str:
    return "×".join(map(str, shape)) or "scalar"
