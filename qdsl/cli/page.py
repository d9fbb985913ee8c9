"""Makes the manual page of a command from its parser: for `--help` and for docs/cli.md."""

from argparse import Action, ArgumentParser
from collections.abc import Iterable
from functools import partial
from textwrap import fill, indent

from qdsl.cli.command import Command
from qdsl.cli.parser import actions
from qdsl.record import record

WIDTH = 80
_fill = partial(fill, break_on_hyphens=False)
_EVERY = ((2, "the command line is wrong, or a file cannot be read or written"),)


@record
class Word:
    """An argument or option as it is written, and what it means."""

    usage: str  # as in the line of usage: `[--format full|json]`
    shown: str
    help: str


@record
class Page:
    """What is known of a command, in words."""

    name: str
    help: str
    description: str
    arguments: tuple[Word, ...]
    options: tuple[Word, ...]
    examples: tuple[tuple[str, str], ...]
    statuses: tuple[tuple[int, str], ...]
    see: tuple[str, ...]

    @property
    def usage(self) -> str:
        words = [w.usage for w in (*self.options, *self.arguments)]
        return " ".join(("qdsl", self.name, *words))


def page(name: str, command: Command, parser: ArgumentParser) -> Page:
    """The page of a command."""
    shown = actions(parser)
    return Page(
        name=name,
        help=command.help,
        description=command.description,
        arguments=tuple(_argument(a) for a in shown if not a.option_strings),
        options=tuple(_option(a) for a in shown if a.option_strings),
        examples=command.examples,
        statuses=tuple(sorted(((0, "nothing is wrong"), *command.statuses, *_EVERY))),
        see=command.see,
    )


def page_text(page: Page) -> str:
    """The page for a terminal."""
    sections = [
        _usage(page),
        _fill(f"{page.help[:1].upper()}{page.help[1:]}.", WIDTH),
        *(_fill(p, WIDTH) for p in page.description.split("\n\n") if p),
        _section("arguments", ((w.shown, w.help) for w in page.arguments)),
        _section("options", ((w.shown, w.help) for w in page.options)),
        _section("examples", page.examples),
        _section("exit status", ((str(n), text) for n, text in page.statuses)),
        f"see also: {', '.join(f'qdsl {name}' for name in page.see)}" if page.see else "",
    ]
    return "\n\n".join(s for s in sections if s) + "\n"


def _usage(page: Page) -> str:
    """The line of usage, broken between words alone: not inside `[--format text|json]`."""
    solid = [w.usage.replace(" ", "\0") for w in (*page.options, *page.arguments)]
    text = " ".join((f"usage: qdsl {page.name}", *solid))
    lines = _fill(text, WIDTH, subsequent_indent=" " * 11)
    return lines.replace("\0", " ")


def _section(title: str, entries: Iterable[tuple[str, str]]) -> str:
    """Short words stand beside what they mean, long ones above it."""
    found = list(entries)
    column = max((len(word) for word, _ in found), default=0) + 4
    beside = column <= 24
    return "\n".join([f"{title}:", *(_entry(w, t, column, beside) for w, t in found)] * bool(found))


def _entry(word: str, text: str, column: int, beside: bool) -> str:
    if beside:
        first = f"  {word}".ljust(column)
        return _fill(text, WIDTH, initial_indent=first, subsequent_indent=" " * column)
    return f"  {word}\n" + indent(_fill(text, WIDTH - 8), " " * 8)


def _argument(action: Action) -> Word:
    name = str(action.metavar or action.dest.upper())
    usage = {"+": f"{name} …", "*": f"[{name} …]", "?": f"[{name}]"}.get(str(action.nargs), name)
    return Word(usage, name, _meaning(action))


def _option(action: Action) -> Word:
    value = ""
    if action.nargs != 0:
        value = _choices(action) or str(action.metavar or action.dest.upper())
    long = action.option_strings[-1]
    usage = f"{long} {value}".rstrip()
    shown = ", ".join(action.option_strings) + (f" {value}" if value else "")
    return Word(usage if action.required else f"[{usage}]", shown, _meaning(action))


def _choices(action: Action) -> str:
    """`text|json`; empty where the words would not fit beside the option."""
    words = "|".join(map(str, action.choices or ()))
    return words if len(words) < WIDTH // 2 else ""


def _meaning(action: Action) -> str:
    text = action.help or ""
    if action.option_strings and action.nargs != 0 and isinstance(action.default, str | int):
        text = f"{text} (default {action.default})" if text else f"default {action.default}"
    if action.choices and not (action.option_strings and _choices(action)):
        text = f"{text}: {', '.join(map(str, action.choices))}"
    return text
