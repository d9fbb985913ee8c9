"""Writes the completion of bash (4 or later)."""

from collections.abc import Iterator

from qdsl.cli import shell
from qdsl.cli.shell import CommandWords, Shell, Slot

_HEAD = """\
# Completion of qdsl for bash: source <(qdsl completion bash)

_qdsl_words() {
    COMPREPLY=($(compgen -W "$1" -- "$2"))
}

_qdsl_files() {
    local IFS=$'\\n'
    compopt -o filenames
    COMPREPLY=($(compgen -f -- "$1"))
}

_qdsl_specs() {
    local IFS=$'\\n'
    if [[ $1 == *#* ]]; then
        local file=${1%%#*} name
        for name in $(qdsl completion --variants "${file//\\\\/}" 2>/dev/null); do
            [[ $file#$name == "$1"* ]] && COMPREPLY+=("$file#$name")
        done
    else
        compopt -o filenames
        COMPREPLY=($(compgen -f -X '!*.qspec' -- "$1") $(compgen -d -- "$1"))
    fi
}

_qdsl() {
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    if [[ $current == "=" ]]; then
        current=
    elif [[ $before == "=" ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
"""


def _script(commands: tuple[CommandWords, ...]) -> str:
    names = " ".join(c.name for c in commands)
    lines = [
        "    if ((COMP_CWORD == 1)); then",
        f'        _qdsl_words "{names} --help --version" "$current"',
        "        return",
        "    fi",
        '    case "${COMP_WORDS[1]} $before" in',
        *(line for command in commands for line in _values(command)),
        "    esac",
        '    case "${COMP_WORDS[1]} $current" in',
        *(
            f'        "{c.name} -"*) _qdsl_words "{" ".join(c.flags)}" "$current" ;;'
            for c in commands
        ),
        *(line for c in commands if c.arguments for line in _arguments(c)),
        "    esac",
        "}",
        "",
        "complete -F _qdsl qdsl",
    ]
    return _HEAD + "\n".join(lines) + "\n"


def _values(command: CommandWords) -> Iterator[str]:
    """What may stand behind the options of the command that take a value."""
    for option in command.options:
        if option.takes:
            patterns = " | ".join(f'"{command.name} {flag}"' for flag in option.flags)
            yield f"        {patterns})"
            yield f"            {_complete(option)}"
            yield "            return"
            yield "            ;;"


def _arguments(command: CommandWords) -> Iterator[str]:
    first, last = command.arguments[0], command.arguments[-1]
    if (first.takes, first.choices) == (last.takes, last.choices):
        yield f'        "{command.name} "*) {_complete(first)} ;;'
        return
    yield f'        "{command.name} "*)'
    yield f"            if ((COMP_CWORD == 2)); then {_complete(first)}; else {_complete(last)}; fi"
    yield "            ;;"


def _complete(slot: Slot) -> str:
    if slot.choices:
        return f'_qdsl_words "{" ".join(slot.choices)}" "$current"'
    match slot.takes:
        case shell.SPECS:
            return '_qdsl_specs "$current"'
        case shell.FILES:
            return '_qdsl_files "$current"'
        case shell.WORDS:
            return '_qdsl_words "$(qdsl completion --words 2>/dev/null)" "$current"'
        case _:
            return ":"


BASH = Shell(_script)
