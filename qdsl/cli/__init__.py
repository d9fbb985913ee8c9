"""The command line: one command per file, found by the file's name.

Exit status: 0 clean, 1 findings, 2 usage or input/output, 101 a bug of this program. Data goes to
stdout, diagnostics to stderr.
"""

import os
import sys
from argparse import ArgumentParser
from io import TextIOWrapper

import qdsl.cli.commands
from qdsl.cli.command import Command
from qdsl.cli.output import report
from qdsl.diagnostic.model import QdslError
from qdsl.registry import member, names

CLEAN, FINDINGS, USAGE, BUG = 0, 1, 2, 101


def run(arguments: list[str]) -> int:
    """Runs one command; no traceback reaches the user for anything but our own bugs."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # a terminal that knows no `→` shows `?`
            stream.reconfigure(errors="replace")
    try:
        status = _run(arguments)
        sys.stdout.flush()  # here, where a reader that has gone is no failure
        return status
    except QdslError as failure:
        return report(failure.diagnostics)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # the reader (`| head`) has gone: nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLEAN
    except OSError as failure:
        where = f" `{failure.filename}`" if failure.filename else ""
        print(f"error[Q001]: cannot use{where}: {failure.strerror}", file=sys.stderr)
        return USAGE
    except Exception:
        return _bug(arguments)


def _run(arguments: list[str]) -> int:
    known = names(qdsl.cli.commands)
    word = arguments[0] if arguments else None
    if word in known:
        # only the command asked for is imported: start-up is a budget
        parser = ArgumentParser(prog=f"qdsl {word}")
        command = member(qdsl.cli.commands, word, Command)
        parser.description = command.help
        command.configure(parser)
        return command.run(parser.parse_args(arguments[1:]))
    return _usage(word, known)


def _usage(word: str | None, known: tuple[str, ...]) -> int:
    parser = ArgumentParser(
        prog="qdsl", description="A language and compiler for neural networks with a size budget."
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND")
    for name in known:
        commands.add_parser(name, help=member(qdsl.cli.commands, name, Command).help)
    match word:
        case "--version":
            from importlib.metadata import version

            print(f"qdsl {version('qdsl')}")
            return CLEAN
        case "-h" | "--help":
            parser.print_help()
            return CLEAN
        case None:
            parser.print_help(sys.stderr)
        case _:
            from qdsl.diagnostic.suggest import suggestion

            print(f"error: no command `{word}`", file=sys.stderr)
            print(f"  help: {suggestion(word, known) or 'see `qdsl --help`'}", file=sys.stderr)
    return USAGE


def _bug(arguments: list[str]) -> int:
    import traceback

    traceback.print_exc()
    print(
        "\nerror: this is a bug of qdsl, not of your spec. Please report the text above, the\n"
        f"command (`qdsl {' '.join(arguments)}`), `qdsl --version` and the file.",
        file=sys.stderr,
    )
    return BUG
