"""Defines `qdsl verify`: a packed file against the trained program that it was packed from."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from qdsl.cli.command import Command

if TYPE_CHECKING:
    from torch import Tensor

    from qdsl.ir.model import Model


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("spec", help="file.qspec#variant")
    parser.add_argument("packed", type=Path, help="the .qpack file")
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="state dict of the frozen QAT program"
    )
    parser.add_argument(
        "--inputs", type=Path, required=True, help="safetensors file: tensors `entry.input`"
    )
    parser.add_argument("--backend", default="cpu")
    parser.add_argument("--format", choices=("text", "json"), default="text")


def run(arguments: Namespace) -> int:
    from qdsl.cli.output import report
    from qdsl.cli.selection import open_variant
    from qdsl.fx import verify
    from qdsl.fx.restore import restore_frozen

    spec, variant = open_variant(arguments.spec)
    report(spec.diagnostics)
    program = restore_frozen(variant.program(), arguments.checkpoint)
    inputs = _inputs(variant.model, arguments.inputs)
    found = verify(program, arguments.packed, inputs, arguments.backend)
    if arguments.format == "json":
        import json

        print(json.dumps(_json(found), indent=1))
    else:
        print(found)
    return 0 if found.ok else 1


def _inputs(model: "Model", path: Path) -> "list[tuple[str, list[Tensor | None]]]":
    """What each entry is given, in the order of its inputs; state may be left out."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from qdsl.diagnostic.model import QdslError, error

    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as failure:
        raise QdslError([error("Q602", f"cannot read inputs `{path}`: {failure}")]) from None
    found: list[tuple[str, list[Tensor | None]]] = []
    for entry in model.entries:
        given = [tensors.get(f"{entry.name}.{i.name}") for i in entry.inputs]
        missing = [
            i.name for i, t in zip(entry.inputs, given, strict=True) if t is None and not i.zeros
        ]
        if missing:
            message = f"`{path}` has no `{entry.name}.{missing[0]}`"
            raise QdslError([error("Q712", message, help="record one tensor per input")])
        found.append((entry.name, given))
    return found


def _json(found: object) -> object:
    from dataclasses import asdict

    return {**asdict(found), "ok": found.ok}  # type: ignore[call-overload, attr-defined]


COMMAND = Command("compare a packed file with the trained program, layer by layer", configure, run)
