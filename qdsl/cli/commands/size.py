"""Defines `qdsl size`: the exact bytes of a variant, storage by storage."""

import json
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from qdsl.cli.command import Command

if TYPE_CHECKING:
    from qdsl.spec import Variant


def configure(parser: ArgumentParser) -> None:
    help = "file.qspec, file.qspec#variant or REV:file.qspec#variant"
    parser.add_argument("spec", metavar="SPEC", help=help)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print")


def run(arguments: Namespace) -> int:
    from qdsl.cli.output import report
    from qdsl.cli.selection import open_spec

    spec, variants = open_spec(arguments.spec)
    status = report(spec.diagnostics)
    if arguments.format == "json":
        found = [_json(v) for v in variants]
        print(json.dumps(found[0] if "#" in arguments.spec else found, indent=1))
        return status
    for variant in variants:
        _print(variant)
    return status


def _print(variant: "Variant") -> None:
    from qdsl.cli.output import report
    from qdsl.size.budget import outcome_text
    from qdsl.size.device import bandwidth_text
    from qdsl.size.interval import interval_text, judged_text
    from qdsl.size.text import report_text

    if variant.open:
        print(interval_text(variant.interval()))
        for line in variant.judged_interval():
            if line.least.outcome:
                print(judged_text(line))
        return
    print(report_text(variant.size()))
    for outcome in variant.outcomes():
        print(outcome_text(outcome))
    target = variant.resolved.target
    if target and (text := bandwidth_text(target, variant.size())):
        print(text)
    report(d for j in variant.budgets() if j.outcome is None for d in j.diagnostics)


def _json(variant: "Variant") -> dict[str, object]:
    from qdsl.size import budget, report
    from qdsl.size.interval import interval_json

    if variant.open:
        return interval_json(variant.interval(), variant.judged_interval())
    outcomes = [j.outcome for j in variant.budgets() if j.outcome]
    return {**report.to_json(variant.size()), "budgets": [budget.to_json(o) for o in outcomes]}


COMMAND = Command(
    "say to the byte how large a variant will be",
    configure,
    run,
    description=(
        "Prints the length of the packed file, what each storage takes of it in which format, and "
        "the variant's budgets. Nothing is trained or packed for it: the size follows from the "
        "spec. Runs of equal layers are one line.\n\n"
        "Budgets are shown, not judged: `qdsl check` and `qdsl diff --gate` do that."
    ),
    examples=(
        ("qdsl size model.qspec#small", "one variant"),
        ("qdsl size model.qspec", "all variants of the file"),
        ("qdsl size --format json main:model.qspec#small", "as it was on the branch main"),
    ),
    see=("diff", "why", "check"),
)
