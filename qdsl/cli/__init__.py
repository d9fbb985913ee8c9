"""The command line: one command per file, found by the file's name.

Exit status: 0 clean, 1 findings, 2 usage or input/output, 101 a bug of this program. Data goes to
stdout, diagnostics to stderr.
"""

import os
import sys
from contextlib import suppress
from io import TextIOWrapper

import qdsl.cli.commands
from qdsl.cli.command import Command
from qdsl.cli.output import report
from qdsl.diagnostic.model import QdslError
from qdsl.registry import member, names

CLEAN, FINDINGS, USAGE, BUG = 0, 1, 2, 101


def run(arguments: list[str]) -> int:
    """Runs one command; no traceback reaches the user for anything but our own bugs.

    Raises KeyboardInterrupt alone.
    """
    _mend_streams()
    try:
        status = _reported(arguments)
        sys.stdout.flush()  # here, where a reader that has gone is no failure
        return status
    except BrokenPipeError:
        # the reader (`| head`) has gone: nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLEAN
    except OSError as failure:
        where = f"use `{failure.filename}`" if failure.filename else "write to stdout"
        with suppress(OSError):  # of stderr there is no place left to tell
            print(f"error[Q001]: cannot {where}: {failure.strerror}", file=sys.stderr)
        return USAGE


def _mend_streams() -> None:
    """Makes streams that can be written to: a closed one (`>&-`) takes all and keeps nothing."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        elif isinstance(stream, TextIOWrapper):
            # a terminal that knows no `→` shows `?`
            stream.reconfigure(errors="replace")


def _reported(arguments: list[str]) -> int:
    """Runs one command and reports what it raises, but for what the streams themselves do."""
    try:
        return _run(arguments)
    except QdslError as failure:
        return report(failure.diagnostics)
    except ModuleNotFoundError as missing:
        return _missing(missing.name or "", arguments)
    except OSError:
        raise
    except Exception:
        return _bug(arguments)


def _run(arguments: list[str]) -> int:
    known = names(qdsl.cli.commands)
    word = arguments[0] if arguments else None
    if word in known:
        # only the command asked for is imported: start-up is a budget
        from qdsl.cli.parser import fail, make_parser

        if "" in arguments:
            message = f"`qdsl {word}` is given an empty argument"
            return fail(message, "is a variable of the shell empty?")
        command = member(qdsl.cli.commands, word, Command)
        return command.run(make_parser(word, command).parse_args(arguments[1:]))
    return _usage(word, known)


def _usage(word: str | None, known: tuple[str, ...]) -> int:
    match word:
        case "-V" | "--version":
            from importlib.metadata import version

            print(f"qdsl {version('qdsl')}")
            return CLEAN
        case "-h" | "--help":
            print(_overview(known))
            return CLEAN
        case None:
            print(_overview(known), file=sys.stderr)
            return USAGE
    from qdsl.cli.parser import fail
    from qdsl.diagnostic.suggest import suggestion

    kind = "option" if word.startswith("-") else "command"
    return fail(f"no {kind} `{word}`", suggestion(word, known) or "see `qdsl --help`")


def _overview(known: tuple[str, ...]) -> str:
    """The page of `qdsl --help`."""
    width = max(map(len, known)) + 2
    helps = ((name, member(qdsl.cli.commands, name, Command).help) for name in known)
    lines = (f"  {name:{width}}{help}" for name, help in helps)
    return _PAGE.format(commands="\n".join(lines))


_PAGE = """usage: qdsl COMMAND …

A language and compiler for neural networks with a size budget.

commands:
{commands}

options:
  -V, --version   print the version and exit
  -h, --help      print this page and exit

`qdsl COMMAND --help` is the manual page of a command, `qdsl explain WORD` that of a word of the
language or of a diagnostic code."""


def _missing(module: str, arguments: list[str]) -> int:
    """Says what to install for a package that is optional."""
    from qdsl.cli.doctor.packages import PACKAGES, PackageState
    from qdsl.cli.parser import fail

    optional = {p.module: PackageState(p, None) for p in PACKAGES if p.extra}
    found = optional.get(module.partition(".")[0])
    if found is None:
        return _bug(arguments)
    message = f"`qdsl {arguments[0]}` needs `{found.package.name}`, which is not installed"
    return fail(message, found.install)


def _bug(arguments: list[str]) -> int:
    import traceback

    traceback.print_exc()
    print(
        "\nerror: this is a bug of qdsl, not of your spec. Please report the text above, the\n"
        f"command (`qdsl {' '.join(arguments)}`), `qdsl --version` and the file.",
        file=sys.stderr,
    )
    return BUG
