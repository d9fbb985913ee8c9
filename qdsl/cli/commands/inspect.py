"""Defines `qdsl inspect`: what is in a packed file."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from qdsl.cli.command import Command


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("packed", metavar="FILE", type=Path, help="file.qpack")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print")


def run(arguments: Namespace) -> int:
    from qdsl.artifact.container import read
    from qdsl.cli.inspection import inspection_text, to_json

    artifact = read(arguments.packed)
    if arguments.format == "json":
        import json

        print(json.dumps(to_json(artifact), indent=1, ensure_ascii=False))
    else:
        print(inspection_text(artifact), end="")
    return 0


COMMAND = Command(
    "show what is in a packed file",
    configure,
    run,
    description=(
        "Reads a .qpack file, checks every digest and every claim that it makes, and prints its "
        "model, its entries, and each storage with format, shape, bytes and the place of its first "
        "byte. A file that is not what it says is refused with a code Q601 to Q611."
    ),
    examples=(
        ("qdsl inspect small.qpack", "for people; runs of equal storages are one line"),
        ("qdsl inspect --format json small.qpack", "every tensor with its offset"),
    ),
    statuses=((1, "the file is damaged, or no packed model"),),
    see=("verify", "size"),
)
