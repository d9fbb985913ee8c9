"""Writes the completion of zsh."""

from collections.abc import Iterator

from qdsl.cli import shell
from qdsl.cli.shell import CommandWords, Shell, Slot

_HEAD = """\
#compdef qdsl
# Completion of qdsl for zsh: put it as _qdsl into a folder of $fpath.

_qdsl_specs() {
    if [[ $PREFIX == *\\#* ]]; then
        local file=${PREFIX%%\\#*}
        local -a names
        names=(${(f)"$(qdsl completion --variants "${(Q)file}" 2>/dev/null)"})
        compadd -P "$file#" -- $names
    else
        _files -g '*.qspec'
    fi
}

_qdsl_words() {
    local -a names
    names=(${(f)"$(qdsl completion --words 2>/dev/null)"})
    compadd -- $names
}

_qdsl() {
    local -a commands
"""


def _script(commands: tuple[CommandWords, ...]) -> str:
    lines = [
        "    commands=(",
        *(f"        {_quoted(f'{c.name}:{c.help}')}" for c in commands),
        "    )",
        "    if ((CURRENT == 2)); then",
        "        _describe command commands",
        "        return",
        "    fi",
        "    local command=$words[2]",
        "    shift words",
        "    ((CURRENT--))",
        "    case $command in",
        *(line for command in commands for line in _arguments(command)),
        "    esac",
        "}",
        "",
        '_qdsl "$@"',
    ]
    return _HEAD + "\n".join(lines) + "\n"


def _arguments(command: CommandWords) -> Iterator[str]:
    specs = [_option(flag, option) for option in command.options for flag in option.flags]
    specs += [f"*:{_plain(a.help)}:{_action(a)}" for a in command.arguments[-1:]]
    yield f"        {command.name})"
    yield "            _arguments \\"
    yield from (f"                {_quoted(spec)} \\" for spec in specs[:-1])
    yield f"                {_quoted(specs[-1])}"
    yield "            ;;"


def _option(flag: str, option: Slot) -> str:
    text = f"{flag}[{_plain(option.help)}]"
    return text if option.takes is None else f"{text}:value:{_action(option)}"


def _action(slot: Slot) -> str:
    if slot.choices:
        return f"({' '.join(slot.choices)})"
    match slot.takes:
        case shell.SPECS:
            return "_qdsl_specs"
        case shell.FILES:
            return "_files"
        case shell.WORDS:
            return "_qdsl_words"
        case _:
            return " "


def _plain(text: str) -> str:
    """Without what has a meaning in a specification of `_arguments`."""
    return text.replace("`", "").translate(str.maketrans("[]:", "(),"))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


ZSH = Shell(_script)
