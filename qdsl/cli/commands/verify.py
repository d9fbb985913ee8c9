"""Defines `qdsl verify`: a packed file against the trained program that it was packed from."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from qdsl.cli.command import Command

if TYPE_CHECKING:
    from qdsl.diagnostic.model import Diagnostic
    from qdsl.fx import Report
    from qdsl.spec import Variant


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", help="file.qspec#variant")
    parser.add_argument("packed", metavar="PACKED", type=Path, help="the .qpack file")
    parser.add_argument(
        "--checkpoint",
        metavar="FILE",
        type=Path,
        required=True,
        help="state dict of the frozen program",
    )
    parser.add_argument(
        "--inputs",
        metavar="FILE",
        type=Path,
        required=True,
        help="safetensors file with a tensor `entry.input` for each input",
    )
    parser.add_argument("--backend", metavar="NAME", default="cpu", help="whose kernels run")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print")


def run(arguments: Namespace) -> int:
    from qdsl.cli.inputs import read_inputs
    from qdsl.cli.output import report
    from qdsl.cli.selection import open_variant
    from qdsl.fx import verify
    from qdsl.fx.restore import restore_frozen

    spec, variant = open_variant(arguments.spec)
    report(spec.diagnostics)
    _check_packed_from(variant, arguments.packed)
    program = restore_frozen(variant.program(), arguments.checkpoint)
    inputs = read_inputs(variant.model, arguments.inputs)
    found = verify(program, arguments.packed, inputs, arguments.backend)
    if arguments.format == "json":
        import json

        print(json.dumps(_json(found), indent=1))
    else:
        print(found)
    return 0 if found.ok else report([_mismatch(found, arguments.packed, arguments.backend)])


def _check_packed_from(variant: "Variant", path: Path) -> None:
    """Raises QdslError (Q6xx, Q714) where the file is not sound, or of another variant."""
    from qdsl.artifact.container import read
    from qdsl.artifact.schema import model_to_json
    from qdsl.diagnostic.model import QdslError, error

    if model_to_json(read(path).model) != model_to_json(variant.model):
        message = f"`{path}` was not packed from `{variant.label}`"
        help = "name the variant it was packed from, or pack it again"
        raise QdslError([error("Q714", message, help=help)])


def _mismatch(found: "Report", packed: Path, backend: str) -> "Diagnostic":
    from qdsl.diagnostic.model import error

    first, *others = found.failed
    more = f" and {len(others)} more" if others else ""
    message = f"`{packed}` differs from the program it was packed from in `{first}`{more}"
    if backend == "reference":
        return error("Q721", message, help="pack it again from this checkpoint")
    help = (
        f"compare with `--backend reference`: where that agrees, a kernel of `{backend}` is wrong"
    )
    return error("Q721", message, help=help)


def _json(found: "Report") -> dict[str, object]:
    from dataclasses import asdict

    return {**asdict(found), "ok": found.ok}


COMMAND = Command(
    "compare a packed file with the program it was packed from",
    configure,
    run,
    description=(
        "Runs recorded inputs through the frozen program and through the packed file on a back "
        "end, and compares what every layer and every entry gives; compares the stored codes and "
        "scales themselves, bit by bit. Needs the extra `torch`."
    ),
    examples=(
        (
            "qdsl verify m.qspec a.qpack --checkpoint b.safetensors --inputs x.safetensors",
            "on the kernels of this processor",
        ),
    ),
    statuses=((1, "errors were found, or the two differ"),),
    see=("inspect", "doctor"),
)
