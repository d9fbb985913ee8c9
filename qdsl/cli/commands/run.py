"""Defines `qdsl run`: an entry of a packed file on recorded inputs."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from qdsl.cli.command import Command
from qdsl.cli.recorded import add_backend, add_inputs, check_entry

if TYPE_CHECKING:
    from torch import Tensor

    from qdsl.cli.inputs import Given
    from qdsl.fx import Program


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("packed", metavar="FILE", type=Path, help="file.qpack")
    add_inputs(parser)
    parser.add_argument("--entry", metavar="NAME", help="the entry to run; all recorded without it")
    add_backend(parser)
    help = "write the results as safetensors, tensors `entry.0`, `entry.1`, …"
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help=help)


def run(arguments: Namespace) -> int:
    from qdsl.cli.inputs import read_inputs, running
    from qdsl.cli.overwriting import overwrites
    from qdsl.fx import load

    if wrong := overwrites((arguments.output,), (arguments.packed, arguments.inputs)):
        from qdsl.cli.parser import fail

        return fail(wrong, "give `--output` another name")
    program = load(arguments.packed, arguments.backend)
    check_entry(program, arguments.entry)
    inputs = read_inputs(program.ir, arguments.inputs, every=False, entry=arguments.entry)
    with running(program, inputs, arguments.inputs):
        results = {k: tensor for given in inputs for k, tensor in _results(program, given)}
    if arguments.output:
        _write(results, arguments.output)
    print("\n".join(f"{key}  {_text(tensor)}" for key, tensor in results.items()))
    return 0


def _results(program: "Program", given: "Given") -> "Iterator[tuple[str, Tensor]]":
    import torch

    from qdsl.fx.recording import as_tuple, placed

    name, values = given
    with torch.no_grad():
        found = as_tuple(program.entry(name)(*placed(values, program.device)))
    for number, tensor in enumerate(found):
        yield f"{name}.{number}", tensor.cpu()


def _write(results: "Mapping[str, Tensor]", path: Path) -> None:
    import torch
    from safetensors.torch import save

    from qdsl.replacing import replacing

    # results may be views of one another, which the format refuses
    copies = {k: t.clone(memory_format=torch.contiguous_format) for k, t in results.items()}
    with replacing(path) as file:
        file.write(save(copies))


def _text(tensor: "Tensor") -> str:
    """`float32 2×5×16, -1.2 to 3.4`."""
    dtype = str(tensor.dtype).removeprefix("torch.")
    shape = "×".join(map(str, tensor.shape)) or "scalar"
    extent = f", {tensor.min().item():.4g} to {tensor.max().item():.4g}" if tensor.numel() else ""
    return f"{dtype} {shape}{extent}"


COMMAND = Command(
    "run a packed file on recorded inputs",
    configure,
    run,
    description=(
        "Runs the entries of a .qpack file on a back end, each on what the file of inputs has for "
        "it, and prints type, shape and extent of every result. Needs the extra `torch`."
    ),
    examples=(
        ("qdsl run small.qpack --inputs in.safetensors", "what comes out"),
        (
            "qdsl run small.qpack --inputs in.safetensors --entry encode -o out.safetensors",
            "one entry, its results kept",
        ),
    ),
    statuses=((1, "the file is damaged, or the inputs do not fit"),),
    see=("compile", "verify", "inspect"),
)
