"""Reads weights that were trained elsewhere: a state dict in safetensors, or of `torch.save`."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from qdsl.diagnostic.model import Diagnostic, QdslError, error
from qdsl.fx.program import Program
from qdsl.fx.restore import restore_frozen
from qdsl.ir.model import state_key

NAMED = 3  # keys that a message names; the others are counted

State = Mapping[str, Tensor]


def with_weights(program: Program, path: Path) -> Program:
    """The QAT program of a float one with the weights of a file, in evaluation mode.

    The file holds the state dict of the float program, or the frozen state that a training writes,
    known by its keys `….q.…`. Raises QdslError: Q001 for a file that cannot be read, Q718 for one
    that is no state dict or does not fit, Q713 for a frozen state of another variant, Q710 for
    weights that are not finite.
    """
    state = read_state(path)
    if any(".q." in key for key in state):
        return restore_frozen(program, path)
    if found := list(_misfits(program, state, path)):
        raise QdslError(found)
    own = program.state_dict()
    program.load_state_dict({key: state[key] for key in own})
    return program.to_qat().eval()


def read_state(path: Path) -> State:
    """The tensors of a file by key; nothing in the file is executed. Raises QdslError."""
    try:
        with path.open("rb") as file:
            start = file.read(9)
        # a safetensors file begins with a length and a brace, one of torch with a zip or a pickle
        state = load_file(path) if start[8:] == b"{" else torch.load(path, "cpu", weights_only=True)
    except OSError as failure:
        message = f"cannot read weights `{path}`: {failure.strerror or failure}"
        raise QdslError([error("Q001", message)]) from None
    except Exception:  # what torch raises for a file of another kind is not told
        message = "it is neither of safetensors nor of `torch.save`"
        raise QdslError([_no_state(path, message)]) from None
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise QdslError([_no_state(path, "it holds more than tensors by name")])
    return state


def _no_state(path: Path, reason: str) -> Diagnostic:
    help = "save `model.state_dict()`, in safetensors or with `torch.save`"
    return error("Q718", f"`{path}` is no state dict: {reason}", help=help)


def _misfits(program: Program, state: State, path: Path) -> Iterable[Diagnostic]:
    """What the file lacks, what it has too much, and what has another shape or type."""
    own, ties = program.state_dict(), program.ir.ties
    aliases = {state_key(alias): state_key(owner) for alias, owner in ties.items()}
    if missing := [key for key in own if key not in state]:
        yield error("Q718", f"`{path}` lacks {_listed(missing)}", help=_help(state, own))
    if extra := [key for key in state if key not in own and key not in aliases]:
        yield error("Q718", f"`{path}` has {_listed(extra)}, which the model has not")
    if wrong := [key for key in own if key in state and not _fits(state[key], own[key])]:
        shapes = f"`{wrong[0]}` is {_text(state[wrong[0]])}, not {_text(own[wrong[0]])}"
        others = f"; so are {_listed(wrong[1:])}" if wrong[1:] else ""
        yield error("Q718", f"in `{path}` {shapes}{others}")
    tied = [a for a, o in aliases.items() if a in state and o in state]
    if apart := [a for a in tied if not torch.equal(state[a], state[aliases[a]])]:
        message = f"in `{path}` {_listed(apart)} is another than `{aliases[apart[0]]}`"
        yield error("Q718", message, help="the model ties them: they are one parameter")


def _help(state: State, own: State) -> str:
    """The usual mistake is a name that stands before all others."""
    for key in own:
        if found := next((k for k in state if k.endswith(f".{key}")), None):
            prefix = found.removesuffix(key)
            return f"its keys begin with `{prefix}`: save the state dict of that member"
    return "a key is the path of a parameter, with `[3]` written `.3`"


def _fits(given: Tensor, own: Tensor) -> bool:
    return given.shape == own.shape and given.is_floating_point()


def _text(tensor: Tensor) -> str:
    dtype = str(tensor.dtype).removeprefix("torch.")
    return f"{dtype} {'×'.join(map(str, tensor.shape)) or 'scalar'}"


def _listed(keys: list[str]) -> str:
    """``a`, `b`, `c` and 7 more`."""
    named = ", ".join(f"`{key}`" for key in keys[:NAMED])
    rest = len(keys) - NAMED
    return f"{named} and {rest} more" if rest > 0 else named
