"""Writes the completion of fish."""

from collections.abc import Iterator

from qdsl.cli import shell
from qdsl.cli.shell import CommandWords, Shell, Slot

_HEAD = """\
# Completion of qdsl for fish: qdsl completion fish > ~/.config/fish/completions/qdsl.fish

function __qdsl_specs
    set -l current (commandline -ct)
    if string match -q '*#*' -- $current
        set -l file (string replace -r '#.*' '' -- $current)
        qdsl completion --variants $file 2>/dev/null | string replace -r '^' "$file#"
    else
        __fish_complete_suffix .qspec
    end
end

complete -c qdsl -f
complete -c qdsl -n __fish_use_subcommand -l help -s h -d 'print the list of commands'
complete -c qdsl -n __fish_use_subcommand -l version -s V -d 'print the version and exit'
"""


def _script(commands: tuple[CommandWords, ...]) -> str:
    return _HEAD + "\n".join(line for command in commands for line in _command(command)) + "\n"


def _command(command: CommandWords) -> Iterator[str]:
    name = command.name
    yield f"complete -c qdsl -n __fish_use_subcommand -a {name} -d {_quoted(command.help)}"
    here = f"complete -c qdsl -n '__fish_seen_subcommand_from {name}'"
    for option in command.options:
        flags = "".join(_flag(flag) for flag in option.flags)
        yield f"{here}{flags}{_values(option)} -d {_quoted(option.help)}"
    for argument in command.arguments[:1]:
        yield f"{here}{_values(argument)}"


def _flag(flag: str) -> str:
    return f" -l {flag[2:]}" if flag.startswith("--") else f" -s {flag[1:]}"


def _values(slot: Slot) -> str:
    if slot.choices:
        return f" -x -a {_quoted(' '.join(slot.choices))}"
    match slot.takes:
        case None:
            return ""
        case shell.SPECS:
            return " -x -a '(__qdsl_specs)'"
        case shell.FILES:
            return " -r -F"
        case shell.WORDS:
            return " -x -a '(qdsl completion --words 2>/dev/null)'"
        case _:
            return " -x"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


FISH = Shell(_script)
