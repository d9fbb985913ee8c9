"""Defines `qdsl fmt`: the one layout of a spec."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from qdsl.cli.command import Command
from qdsl.cli.output import report
from qdsl.diagnostic.model import error
from qdsl.replacing import replacing


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="+", type=Path, help="file.qspec")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--check", action="store_true", help="write nothing; exit 1 if any differs")
    group.add_argument("--diff", action="store_true", help="write nothing; print the changes")


def run(arguments: Namespace) -> int:
    from qdsl.syntax import format_file, parse, read

    status = 0
    for path in arguments.file:
        source, findings = read(path, str(path))
        if source is None:
            status = max(status, report(findings))
            continue
        file, findings = parse(source)
        if any(d.is_error for d in findings):
            status = max(status, report(findings))
            continue
        text = format_file(file)
        if text != source.text:
            status = max(status, _differs(arguments, path, source.text, text))
    return status


def _differs(arguments: Namespace, path: Path, old: str, new: str) -> int:
    if arguments.check:
        print(f"would reformat {path}")
        return 1
    if arguments.diff:
        from difflib import unified_diff

        lines = unified_diff(old.splitlines(True), new.splitlines(True), str(path), str(path))
        sys.stdout.writelines(lines)
        return 1
    try:
        with replacing(path) as file:
            file.write(new.encode())
    except OSError as failure:
        reason = (failure.strerror or str(failure)).lower()
        return report([error("Q001", f"cannot write `{path}`: {reason}")])
    print(f"reformatted {path}")
    return 0


COMMAND = Command(
    "format specs in the one layout there is",
    configure,
    run,
    description=(
        "Writes each file anew in its layout, which has no options; comments stay where they "
        "belong, and the meaning never changes. A file with syntax errors is left alone. Files "
        "appear whole or not at all."
    ),
    examples=(
        ("qdsl fmt specs/*.qspec", "format files in place"),
        ("qdsl fmt --check specs/*.qspec", "fail where one is not formatted, for CI"),
        ("qdsl fmt --diff model.qspec", "show what would change"),
    ),
    statuses=((1, "errors were found, or `--check` or `--diff` found a file to format"),),
    see=("check",),
)
