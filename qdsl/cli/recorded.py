"""Offers what commands that run a packed file have in common: options, and entries by name."""

from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qdsl.fx import Program


def add_inputs(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--inputs",
        metavar="FILE",
        type=Path,
        required=True,
        help="safetensors file with a tensor `entry.input` for each input",
    )


def add_backend(parser: ArgumentParser) -> None:
    parser.add_argument("--backend", metavar="NAME", default="cpu", help="whose kernels run")


def check_entry(program: "Program", name: str | None) -> None:
    """Raises QdslError (Q712) where the file has no such entry, or none at all."""
    from qdsl.diagnostic.model import QdslError, error
    from qdsl.diagnostic.suggest import suggestion

    names = [entry.name for entry in program.ir.entries]
    if not names:
        raise QdslError([error("Q712", "the packed model has no entry: nothing of it can run")])
    if name is not None and name not in names:
        help = suggestion(name, names) or f"it has {', '.join(f'`{n}`' for n in names)}"
        raise QdslError([error("Q712", f"the packed model has no entry `{name}`", help=help)])
