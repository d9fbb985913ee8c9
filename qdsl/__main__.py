"""Starts the command line."""

import sys
from collections.abc import Sequence

from qdsl.cli import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `qdsl …`; returns the exit status."""
    return run(list(sys.argv[1:] if arguments is None else arguments))


if __name__ == "__main__":
    sys.exit(main())
