"""Defines `qdsl new`: a commented spec to begin with."""

import re
import shlex
from argparse import ArgumentParser, Namespace
from pathlib import Path

from qdsl.cli.command import Command
from qdsl.cli.templates import DEFAULT, templates


def configure(parser: ArgumentParser) -> None:
    help = "name of the new file; `.qspec` is added"
    parser.add_argument("name", metavar="NAME", nargs="?", default="model", help=help)
    help = "what to begin with"
    parser.add_argument("--template", choices=templates(), default=DEFAULT, help=help)
    parser.add_argument("--list", action="store_true", help="print the templates, write nothing")


def run(arguments: Namespace) -> int:
    from qdsl.cli.templates import summary, template_text

    if arguments.list:
        from qdsl.cli.terminal import print_table

        rows = [(name, summary(name)) for name in templates()]
        print_table("templates", ("name", "doc"), rows)
        return 0
    if wrong := _wrong(arguments.name, arguments.template):
        from qdsl.cli.parser import fail

        return fail(*wrong)
    path = Path(arguments.name)
    if path.suffix != ".qspec":
        path = path.with_name(path.name + ".qspec")
    text = template_text(arguments.template)
    if status := _write(path, text):
        return status
    print(f"wrote {path}\n\nnext:")
    for command in _next(path, re.findall(r"^variant (\w+)", text, re.MULTILINE)):
        print(f"  {command}")
    return 0


_SIGNS = {"#": "a variant of a file", ":": "a file of a revision"}


def _wrong(name: str, template: str) -> tuple[str, str] | None:
    """What is wrong with a name and what to do, where no command could name the file."""
    help = "a name of letters and digits will do: `qdsl new recognizer`"
    if Path(name).name in ("", "..") or name.endswith("/"):
        return f"`{name}` is no name of a file", help
    for sign, meaning in _SIGNS.items():
        if sign in name:
            return f"`{name}` has a `{sign}`, which names {meaning}", help
    if name in templates() and template == DEFAULT != name:
        return f"`{name}` is a template", f"`qdsl new NAME --template {name}`"
    return None


def _write(path: Path, text: str) -> int:
    """Writes a file that is not there yet; returns the exit status."""
    from qdsl.cli.output import report
    from qdsl.diagnostic.model import error

    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(text)
    except FileExistsError:
        help = "nothing is overwritten: give another name"
        return report([error("Q001", f"`{path}` exists already", help=help)])
    except OSError as failure:
        reason = (failure.strerror or str(failure)).lower()
        return report([error("Q001", f"cannot write `{path}`: {reason}")])
    return 0


def _next(path: Path, variants: list[str]) -> tuple[str, ...]:
    first, last = (shlex.quote(f"{path}#{name}") for name in (variants[0], variants[-1]))
    return (
        f"qdsl check {shlex.quote(str(path))}",
        f"qdsl size {last}",
        f"qdsl diff {first} {last}",
    )


COMMAND = Command(
    "write a commented spec to begin with",
    configure,
    run,
    description=(
        "Writes a spec that checks, fits its budget and says in comments what each part is for. "
        "A file that exists is never overwritten."
    ),
    examples=(
        ("qdsl new", "the least that a spec needs, as model.qspec"),
        ("qdsl new recognizer --template conformer-rnnt", "a speech recognizer"),
        ("qdsl new --list", "what there is to begin with"),
    ),
    statuses=(),
    see=("check", "size", "list"),
)
