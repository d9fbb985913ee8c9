"""Defines `qdsl check`: everything that is wrong with a spec, budgets included."""

from argparse import ArgumentParser, Namespace

from qdsl.cli.command import Command


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("spec", nargs="+", help="file.qspec or file.qspec#variant")
    parser.add_argument("--format", choices=("full", "concise", "json"), default="full")


def run(arguments: Namespace) -> int:
    from qdsl.cli.output import report
    from qdsl.cli.selection import select, split
    from qdsl.diagnostic.model import Diagnostic, QdslError
    from qdsl.spec import check_spec

    found: list[Diagnostic] = []
    variants = 0
    for text in arguments.spec:
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
        variants += len(chosen)
        found += [d for v in chosen for d in v.findings()]
    status = report(dict.fromkeys(found), arguments.format)
    if status == 0 and arguments.format != "json":
        print(f"{variants} variant{'s' * (variants != 1)} checked, no errors")
    return status


COMMAND = Command("check specs: names, shapes, policies, kernels, budgets", configure, run)
