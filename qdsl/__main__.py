"""Starts the command line."""

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

# a short command keeps nearly all it makes: looking for garbage took a tenth of its time
gc.set_threshold(5_000_000, 20, 100)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs `qdsl …`; returns the exit status."""
    try:
        # importing makes most of what is kept, and takes long enough to be interrupted
        from qdsl.cli import run

        return run(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def command() -> NoReturn:
    """Runs the command line and ends the process, without freeing what the system frees at once.

    Tearing down what a large spec made took a tenth of the time of its check.
    """
    status = main()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    command()
