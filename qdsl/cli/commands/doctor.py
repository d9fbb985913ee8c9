"""Defines `qdsl doctor`: what is installed, and what this machine can run."""

from argparse import ArgumentParser, Namespace

from qdsl.cli.command import Command


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print")


def run(arguments: Namespace) -> int:
    from qdsl.cli.doctor.findings import look, to_json

    found = look()
    if arguments.format == "json":
        import json

        print(json.dumps(to_json(found), indent=1))
    else:
        from qdsl.cli.doctor.text import findings_text

        print(findings_text(found), end="")
    return 1 if found.broken() else 0


COMMAND = Command(
    "say what is installed and which kernels this machine runs",
    configure,
    run,
    description=(
        "Prints versions, which optional packages are here, what they are for and how to install "
        "the others; each back end with the reason why it cannot run, the instruction sets of "
        "this processor, and every kernel with what the machine lacks for it. `QDSL_ISA` chooses "
        "an instruction set below the best. Nothing heavy is imported."
    ),
    examples=(
        ("qdsl doctor", "what to send with a report"),
        ("QDSL_ISA=avx2 qdsl doctor", "as if the processor had no more"),
    ),
    statuses=((1, "something that is installed is broken, or set wrong"),),
    see=("list", "verify"),
)
