"""Makes the parser of a command; a wrong word is told with what was meant."""

import sys
from argparse import SUPPRESS, Action, ArgumentParser
from typing import NoReturn

from qdsl.cli.command import Command


class Parser(ArgumentParser):
    """A parser whose errors are one line and a help, and whose help is the manual page."""

    command: Command

    def error(self, message: str) -> NoReturn:
        """Says what is wrong on stderr; exits with 2."""
        self.exit(2, f"error: {message}\n  help: {self._help(message)}\n")

    def _check_value(self, action: Action, value: object) -> None:
        """Ends with 2 for a value that is not one of the choices."""
        if action.choices is None or value in action.choices:
            return
        from qdsl.diagnostic.suggest import suggestion

        name = action.option_strings[-1] if action.option_strings else str(action.metavar)
        help = suggestion(str(value), map(str, action.choices)) or f"see `{self.prog} --help`"
        self.exit(2, f"error: `{name}` takes no `{value}`\n  help: {help}\n")

    def _help(self, message: str) -> str:
        from qdsl.diagnostic.suggest import did_you_mean

        known = options(self)
        words = (w.partition("=")[0].rstrip(":") for w in message.split() if w.startswith("-"))
        # argparse names `-o/--output:` where its value is what is wrong
        wrong = (w for w in words if not {*w.split("/")} <= {*known})
        near = next((n for w in wrong if (n := did_you_mean(w, known))), None)
        return f"did you mean `{near}`?" if near else f"see `{self.prog} --help`"

    def format_help(self) -> str:
        """The manual page as plain text."""
        from qdsl.cli.page import page, page_text

        return page_text(page(self.prog.split()[-1], self.command, self))


def make_parser(name: str, command: Command) -> Parser:
    """The parser of `qdsl name`."""
    # no abbreviations: a new option must not change what a script means
    parser = Parser(prog=f"qdsl {name}", add_help=False, allow_abbrev=False)
    parser.command = command
    command.configure(parser)
    parser.add_argument("-h", "--help", action="help", help="print this page and exit")
    return parser


def actions(parser: ArgumentParser) -> list[Action]:
    """Arguments and options that are shown."""
    return [a for a in parser._actions if a.help != SUPPRESS]


def options(parser: ArgumentParser) -> list[str]:
    """`--format` and the like."""
    return [word for action in actions(parser) for word in action.option_strings]


def fail(message: str, help: str) -> int:
    """Says what is wrong with the command line on stderr; returns 2."""
    print(f"error: {message}\n  help: {help}", file=sys.stderr)
    return 2
