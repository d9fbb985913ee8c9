"""Defines `qdsl completion`: what a shell completes behind `qdsl`."""

from argparse import SUPPRESS, ArgumentParser, Namespace
from pathlib import Path

import qdsl.cli.shells
from qdsl.cli.command import Command
from qdsl.registry import names


def configure(parser: ArgumentParser) -> None:
    help = "the shell"
    shells = names(qdsl.cli.shells)
    parser.add_argument("shell", metavar="SHELL", nargs="?", choices=shells, help=help)
    # what the scripts ask while a line is being written
    parser.add_argument("--variants", metavar="FILE", type=Path, help=SUPPRESS)
    parser.add_argument("--words", action="store_true", help=SUPPRESS)


def run(arguments: Namespace) -> int:
    if arguments.variants:
        return _print(_variants(arguments.variants))
    if arguments.words:
        return _print(_words())
    if arguments.shell is None:
        from qdsl.cli.parser import fail

        message = "the following arguments are required: SHELL"
        return fail(message, f"one of {', '.join(names(qdsl.cli.shells))}")
    from qdsl.cli.shell import Shell, commands
    from qdsl.registry import member

    shell = member(qdsl.cli.shells, arguments.shell, Shell)
    print(shell.script(commands()), end="")
    return 0


def _print(found: list[str]) -> int:
    print("\n".join(found))
    return 0


def _variants(path: Path) -> list[str]:
    """What may stand behind `#`: variants, or models where there are none; nothing is compiled."""
    from qdsl.syntax import parse, read, tree

    source, _ = read(path, str(path))
    items = parse(source)[0].items if source else ()
    variants = [item.name.text for item in items if isinstance(item, tree.Variant)]
    models = [i.name.text for i in items if isinstance(i, tree.Block) and i.is_model]
    return variants or models


def _words() -> list[str]:
    """What `explain` knows."""
    import qdsl.cli.catalog
    from qdsl.cli.entry import Catalog
    from qdsl.registry import collect

    catalogs = collect(qdsl.cli.catalog, Catalog).values()
    return sorted({n for c in catalogs for n in c.names() if n[:1].isalpha()})


COMMAND = Command(
    "print a script that completes commands in a shell",
    configure,
    run,
    description=(
        "Prints a script for bash, zsh or fish that completes commands, options and their values, "
        "files, variants behind `#`, and the words that `explain` knows."
    ),
    examples=(
        ("source <(qdsl completion bash)", "for this session of bash"),
        ("qdsl completion zsh > ~/.zfunc/_qdsl", "where $fpath has ~/.zfunc"),
        ("qdsl completion fish > ~/.config/fish/completions/qdsl.fish", "for fish"),
    ),
    statuses=(),
)
