"""Renders diagnostics as SARIF 2.1.0, the exchange format of analysis results (OASIS standard).

One run holds the rules that were broken, each with its manual page, and the results: a region, the
other places that matter, and the edit where one is known. Columns are counted in code points.
"""

from collections.abc import Iterable
from typing import Any

from qdsl.diagnostic.codes import name, page
from qdsl.diagnostic.model import Diagnostic, Edit, Label
from qdsl.source import Span

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def sarif(diagnostics: Iterable[Diagnostic]) -> str:
    """One log with one run, as JSON."""
    from importlib.metadata import version
    from json import dumps

    found = list(diagnostics)
    codes = sorted({d.code for d in found})
    driver = {"name": "qdsl", "version": version("qdsl"), "rules": [_rule(c) for c in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(d, codes.index(d.code)) for d in found],
    }
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return dumps(log, indent=2, ensure_ascii=False) + "\n"


def _rule(code: str) -> dict[str, Any]:
    text, title = page(code) or "", name(code) or code
    rule: dict[str, Any] = {"id": code, "name": title}
    rule["shortDescription"] = {"text": title.replace("-", " ")}
    if text:
        rule["help"] = {"text": text, "markdown": text}
    return rule


def _result(d: Diagnostic, index: int) -> dict[str, Any]:
    lines = [d.message, *(f"note: {n}" for n in d.notes), *([f"help: {d.help}"] if d.help else [])]
    result: dict[str, Any] = {
        "ruleId": d.code,
        "ruleIndex": index,
        "level": str(d.severity),
        "message": {"text": "\n".join(lines)},
    }
    if d.primary:
        result["locations"] = [_location(d.primary)]
    if d.secondary:
        places = enumerate(d.secondary, 1)
        result["relatedLocations"] = [{"id": i, **_location(label)} for i, label in places]
    if d.fix:
        result["fixes"] = [_fix(d.fix, d.help)]
    return result


def _location(label: Label) -> dict[str, Any]:
    span = label.span
    place = {"artifactLocation": _artifact(span), "region": _region(span)}
    message = {"message": {"text": label.text}} if label.text else {}
    return {"physicalLocation": place, **message}


def _fix(fix: Edit, help: str | None) -> dict[str, Any]:
    replacement = {"deletedRegion": _region(fix.span), "insertedContent": {"text": fix.text}}
    change = {"artifactLocation": _artifact(fix.span), "replacements": [replacement]}
    return {"description": {"text": help or f"write {fix.text}"}, "artifactChanges": [change]}


def _artifact(span: Span) -> dict[str, str]:
    from urllib.parse import quote  # a tenth of the start-up of a short command

    return {"uri": quote(span.source.name.replace("\\", "/"))}


def _region(span: Span) -> dict[str, int]:
    start, end = span.location, span.source.location(span.end)
    return {
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
    }
