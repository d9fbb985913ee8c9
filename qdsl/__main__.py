"""Starts the command line."""

import gc
import sys
from collections.abc import Sequence

# a short command keeps nearly all it makes: looking for garbage took a tenth of its time
gc.set_threshold(5_000_000, 20, 100)

from qdsl.cli import run  # noqa: E402 importing makes most of it


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `qdsl …`; returns the exit status."""
    return run(list(sys.argv[1:] if arguments is None else arguments))


if __name__ == "__main__":
    sys.exit(main())
