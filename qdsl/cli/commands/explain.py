"""Defines `qdsl explain`: the manual page of a diagnostic code."""

import sys
from argparse import ArgumentParser, Namespace

from qdsl.cli.command import Command


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("code", help="a diagnostic code, such as Q304")


def run(arguments: Namespace) -> int:
    from qdsl.diagnostic.codes import names, page
    from qdsl.diagnostic.suggest import suggestion

    text = page(arguments.code.upper())
    if text is None:
        help = suggestion(arguments.code.upper(), names()) or "codes are Q001 to Q799"
        print(f"error: no page for `{arguments.code}`\n  help: {help}", file=sys.stderr)
        return 2
    print(text.strip())
    return 0


COMMAND = Command("print the manual page of a diagnostic code", configure, run)
