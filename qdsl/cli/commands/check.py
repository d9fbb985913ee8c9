"""Defines `qdsl check`: everything that is wrong with a spec, budgets included."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from qdsl.cli.command import Command
from qdsl.cli.output import DATA, FORMATS

if TYPE_CHECKING:
    from qdsl.diagnostic.model import Diagnostic
    from qdsl.spec import Variant


def configure(parser: ArgumentParser) -> None:
    help = "file.qspec or file.qspec#variant"
    parser.add_argument("spec", metavar="SPEC", nargs="+", help=help)
    parser.add_argument(
        "--format", choices=FORMATS, default="full", help="how findings are written"
    )
    help = "print the syntax tree of the files, or the model of each variant as it is packed"
    parser.add_argument("--show", choices=("tree", "ir"), help=help)


def run(arguments: Namespace) -> int:
    from qdsl.cli.output import report

    if arguments.show and arguments.format in DATA:
        from qdsl.cli.parser import fail

        message = f"`--show` and `--format {arguments.format}` both print to stdout"
        return fail(message, "leave one of them out")
    if arguments.show == "tree":
        return _show_tree(arguments)
    found, variants = _check(arguments.spec)
    status = report(dict.fromkeys(found), arguments.format)
    if arguments.show == "ir":
        from qdsl.ir.text import model_text

        print("\n".join(model_text(v.model, v.label) for v in variants), end="")
    elif status == 0 and arguments.format not in DATA:
        count = len(variants)
        print(f"{count} variant{'s' * (count != 1)} checked, no errors")
    return status


def _check(specs: list[str]) -> "tuple[list[Diagnostic], list[Variant]]":
    """What is wrong with the files and the variants that are named, and those variants."""
    from qdsl.cli.selection import select, split
    from qdsl.diagnostic.model import QdslError
    from qdsl.spec import check_spec

    found: list[Diagnostic] = []
    variants: list[Variant] = []
    for text in specs:
        path, name = split(text)
        spec = check_spec(path)
        found += spec.diagnostics
        if not spec.compiled.ok:
            continue
        try:
            chosen = select(spec, name)
        except QdslError as failure:
            found += failure.diagnostics
            continue
        variants += chosen
        found += [d for v in chosen for d in v.findings()]
    return found, variants


def _show_tree(arguments: Namespace) -> int:
    """Prints the tree of each file, also of one with errors."""
    from pathlib import Path

    from qdsl.cli.output import report
    from qdsl.cli.selection import split
    from qdsl.syntax import parse, read
    from qdsl.syntax.outline import outline

    findings: list[Diagnostic] = []
    for text in arguments.spec:
        path, _ = split(text)
        source, found = read(Path(path), path)
        findings += found
        if source is not None:
            file, found = parse(source)
            findings += found
            print(outline(file), end="")
    return report(dict.fromkeys(findings), arguments.format)


COMMAND = Command(
    "check specs: names, shapes, policies, kernels, budgets",
    configure,
    run,
    description=(
        "Reports everything that is wrong with the files: all errors at once, each with a code, "
        "its place and what to write instead. `qdsl explain CODE` tells more. Budgets are judged, "
        "and layers that no kernel serves are errors where the kernels are built.\n\n"
        "The formats `json`, `sarif` (SARIF 2.1.0) and `github` (workflow commands) are data, on "
        "stdout; `full` and `concise` are for people, on stderr."
    ),
    examples=(
        ("qdsl check model.qspec", "the file and all its variants"),
        ("qdsl check --format concise specs/*.qspec", "one line for each finding"),
        ("qdsl check --format sarif model.qspec > model.sarif", "for a service that reads SARIF"),
        ("qdsl check --show ir model.qspec#small", "the model that a variant stands for"),
    ),
    see=("explain", "size", "fmt"),
)
