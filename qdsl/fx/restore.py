"""Keeps a frozen QAT program in a file, and brings it back."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save

from qdsl.diagnostic.model import QdslError, error
from qdsl.fx.program import Program
from qdsl.replacing import replacing


def save_frozen(program: Program, path: Path) -> None:
    """Freezes and writes the state dict as safetensors, whole or not at all. Raises OSError."""
    state = {k: v.contiguous() for k, v in program.freeze().state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(save(state))


def restore_frozen(program: Program, path: Path) -> Program:
    """The QAT program of a float one with the frozen state of a file, in evaluation mode.

    Raises QdslError (Q713) for a file that is not the frozen state of this variant.
    """
    quantized = program.to_qat().freeze()  # freezing makes the fields that the state fills
    try:
        quantized.load_state_dict(load_file(path))
    except (OSError, SafetensorError) as failure:
        raise QdslError([error("Q713", f"cannot read state `{path}`: {failure}")]) from None
    except RuntimeError as failure:
        first = str(failure).splitlines()[-1].strip()
        message = f"`{path}` is not the frozen state of this variant: {first}"
        raise QdslError([error("Q713", message)]) from None
    return quantized.eval()
