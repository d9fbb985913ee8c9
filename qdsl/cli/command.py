"""Defines what a file of `commands` holds."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable

from qdsl.record import record

FINDINGS = (1, "errors were found")


@record
class Command:
    """`run` returns the exit status; it imports what it needs when it runs.

    help: one line, for the list of commands. description: paragraphs of the manual. examples: a
    command line and what it does. statuses: what an exit status above 0 means, where it is not
    2 (usage, or a file that cannot be read) or 101 (a bug), which every command has. see: names of
    commands that belong to the matter.
    """

    help: str
    configure: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]
    description: str = ""
    examples: tuple[tuple[str, str], ...] = ()
    statuses: tuple[tuple[int, str], ...] = (FINDINGS,)
    see: tuple[str, ...] = ()
