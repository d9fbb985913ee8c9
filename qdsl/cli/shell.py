"""Defines what a file of `shells` holds, and what may be written behind each command."""

from argparse import SUPPRESS, Action
from collections.abc import Callable

import qdsl.cli.commands
from qdsl.cli.command import Command
from qdsl.cli.parser import actions, make_parser
from qdsl.record import record
from qdsl.registry import collect

SPECS, FILES, WORDS, NOTHING = "specs", "files", "words", "nothing"
"""What a value may be beside one of a few words: a spec and its variant, a file, a word that
`explain` knows, or what nobody can know."""

_KINDS = {"SPEC": SPECS, "OLD": SPECS, "NEW": SPECS, "FILE": FILES, "PACKED": FILES}
_KINDS |= {"MODEL": FILES, "WORD": WORDS}


@record
class Slot:
    """Where a value may stand: `flags` empty for an argument, `takes` None for a flag alone."""

    flags: tuple[str, ...]
    takes: str | None
    choices: tuple[str, ...]
    help: str


@record
class CommandWords:
    """A command with all that may stand behind it."""

    name: str
    help: str
    options: tuple[Slot, ...]
    arguments: tuple[Slot, ...]

    @property
    def flags(self) -> tuple[str, ...]:
        return tuple(flag for option in self.options for flag in option.flags)


@record
class Shell:
    """A shell: how it is told, in a script, what may be written."""

    script: Callable[[tuple[CommandWords, ...]], str]


def commands() -> tuple[CommandWords, ...]:
    """Every command, by name."""
    return tuple(_words(n, c) for n, c in collect(qdsl.cli.commands, Command).items())


def _words(name: str, command: Command) -> CommandWords:
    slots = [_slot(a) for a in actions(make_parser(name, command)) if a.help != SUPPRESS]
    options = tuple(s for s in slots if s.flags)
    return CommandWords(name, command.help, options, tuple(s for s in slots if not s.flags))


def _slot(action: Action) -> Slot:
    choices = tuple(map(str, action.choices or ()))
    takes = None if action.nargs == 0 else _KINDS.get(str(action.metavar), NOTHING)
    return Slot(tuple(action.option_strings), takes, choices, action.help or "")
