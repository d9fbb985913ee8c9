"""Reads recorded inputs of a model's entries from a safetensors file."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from qdsl.diagnostic.model import QdslError, error
from qdsl.fx import Program
from qdsl.fx.recording import placed
from qdsl.ir.model import Entry, Model, TensorType
from qdsl.ir.tables import table_rows

DTYPES = {"f32": torch.float32, "i64": torch.int64, "bool": torch.bool}

FAILURES = (RuntimeError, ValueError, IndexError)  # what torch and kernels raise for unfit inputs

Given = tuple[str, list[Tensor | None]]  # an entry and its inputs, None where a state is left out


def read_inputs(
    model: Model, path: Path, *, every: bool = True, entry: str | None = None
) -> list[Given]:
    """What each entry is given, in the order of its inputs: tensors `entry.input` of the file.

    Without `every`, entries of which the file has nothing are left out, but not all; `entry` asks
    for that one alone. Raises QdslError: Q001 for a file that cannot be read, Q602 for one of
    another kind, Q712 for tensors that lack or do not fit, ids outside of a table among them.
    """
    try:
        with path.open("rb"):  # safetensors does not say why it cannot read a file
            tensors = load_file(path)
    except OSError as failure:
        message = f"cannot read inputs `{path}`: {failure.strerror or failure}"
        raise QdslError([error("Q001", message)]) from None
    except SafetensorError as failure:
        raise QdslError([error("Q602", f"`{path}` is no safetensors file: {failure}")]) from None
    wanted = [e for e in model.entries if entry in (None, e.name)]
    if not every:
        some = [e for e in wanted if any(k.startswith(f"{e.name}.") for k in tensors)]
        wanted = some or wanted  # with none recorded, what lacks is told of the first
    rows = table_rows(model)
    return [(e.name, _given(e, tensors, path, rows)) for e in wanted]


@contextmanager
def running(program: Program, inputs: Iterable[Given], path: Path) -> Iterator[None]:
    """Where entries run on recorded inputs; raises QdslError (Q712) where one does not run on them.

    What else fails in the block is raised as it is.
    """
    try:
        yield
    except FAILURES:
        for entry, values in inputs:
            if reason := _stopped(program, entry, values):
                message = f"`{entry}` does not run on its inputs in `{path}`: {reason}"
                help = "record inputs as the entry gets them in practice"
                raise QdslError([error("Q712", message, help=help)]) from None
        raise


def _stopped(program: Program, entry: str, values: Iterable[Tensor | None]) -> str | None:
    """What stops the entry on these inputs; None where it runs."""
    try:
        with torch.no_grad():
            program.entry(entry)(*placed(values, program.device))
    except FAILURES as failure:
        return (str(failure).splitlines() or [type(failure).__name__])[0]
    return None


def _given(
    entry: Entry, tensors: dict[str, Tensor], path: Path, rows: Mapping[str, int]
) -> list[Tensor | None]:
    sizes: dict[str, int] = {}
    found: list[Tensor | None] = []
    for input in entry.inputs:
        key = f"{entry.name}.{input.name}"
        tensor = tensors.get(key)
        if tensor is None and not input.zeros:
            message, help = f"`{path}` has no `{key}`", "record one tensor per input"
            raise QdslError([error("Q712", message, help=help)])
        bound = ", ".join(f"{name} is {size}" for name, size in sizes.items())
        if tensor is not None and not _fits(tensor, input.type, sizes):
            message = f"`{key}` of `{path}` is {_text(tensor)}, not {input.type}"
            before = f"{bound} in the inputs before it" if bound else None
            raise QdslError([error("Q712", message, help=before)])
        if tensor is not None and key in rows and not _within(tensor, rows[key]):
            message = f"`{key}` of `{path}` has ids outside of 0 to {rows[key] - 1}"
            raise QdslError([error("Q712", message, help="they are looked up in a table")])
        found.append(tensor)
    return found


def _fits(tensor: Tensor, type: TensorType, sizes: dict[str, int]) -> bool:
    """Whether dtype and dims are those of the type; `sizes` binds its names across inputs."""
    if tensor.dtype != DTYPES[type.dtype] or tensor.dim() != len(type.shape):
        return False
    wanted = (
        sizes.setdefault(str(dim), size) if dim.constant is None else dim.constant
        for dim, size in zip(type.shape, tensor.shape, strict=True)
    )
    return tuple(wanted) == tuple(tensor.shape)


def _text(tensor: Tensor) -> str:
    """`f32[4, 80]`, as a spec writes it; other types as torch does."""
    words = {dtype: word for word, dtype in DTYPES.items()}
    word = words.get(tensor.dtype, str(tensor.dtype).removeprefix("torch."))
    return f"{word}[{', '.join(map(str, tensor.shape))}]"


def _within(ids: Tensor, rows: int) -> bool:
    return ids.numel() == 0 or bool((ids.min() >= 0) & (ids.max() < rows))
