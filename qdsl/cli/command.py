"""Defines what a file of `commands` holds."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from qdsl.record import record


@record
class Command:
    """`run` returns the exit status; it imports what it needs when it runs."""

    help: str
    configure: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]
