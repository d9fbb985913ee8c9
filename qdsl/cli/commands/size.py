"""Defines `qdsl size`: the exact bytes of a variant, storage by storage."""

import json
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from qdsl.cli.command import Command

if TYPE_CHECKING:
    from qdsl.spec import Variant


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("spec", help="file.qspec, file.qspec#variant or REV:file.qspec#variant")
    parser.add_argument("--format", choices=("text", "json"), default="text")


def run(arguments: Namespace) -> int:
    from qdsl.cli.output import report
    from qdsl.cli.selection import open_spec
    from qdsl.size.budget import outcome_text
    from qdsl.size.text import report_text

    spec, variants = open_spec(arguments.spec)
    report(spec.diagnostics)
    if arguments.format == "json":
        found = [_json(v) for v in variants]
        print(json.dumps(found[0] if "#" in arguments.spec else found, indent=1))
        return 0
    for variant in variants:
        print(report_text(variant.size()))
        judged = variant.budgets()
        for line in judged:
            if line.outcome:
                print(outcome_text(line.outcome))
        report(d for line in judged if line.outcome is None for d in line.diagnostics)
    return 0


def _json(variant: "Variant") -> dict[str, object]:
    from qdsl.size import budget, report

    outcomes = [j.outcome for j in variant.budgets() if j.outcome]
    return {**report.to_json(variant.size()), "budgets": [budget.to_json(o) for o in outcomes]}


COMMAND = Command("say to the byte how large a variant will be", configure, run)
