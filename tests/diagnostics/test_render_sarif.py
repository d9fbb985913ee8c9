"""Holds SARIF to a golden file, and to the structure that the standard asks for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qdsl.diagnostic import codes
from qdsl.diagnostic.model import Edit, error, warning
from qdsl.diagnostic.render import sarif
from qdsl.source import Source, Span

GOLDEN = Path(__file__).parent / "golden" / "sarif.txt"
SPEC = Source(
    "specs/my model.qspec", "qspec 1\n\nblock A(größe: int) {\n    a = Linaer(größe)\n}\n"
)
STD = Source("std/speech.qspec", "qspec 1\nblock B() {}\n")


def at(text: str, source: Source = SPEC) -> Span:
    start = source.text.index(text)
    return Span(source, start, start + len(text))


DIAGNOSTICS = [
    error(
        "Q101",
        "unknown name `Linaer`",
        at("Linaer"),
        "not found",
        secondary=[(at("größe: int"), "a parameter"), (at("block B", STD), "")],
        help="did you mean `Linear`?",
        notes=["called from `v`"],
        fix=Edit(at("Linaer"), "Linear"),
    ),
    warning("Q104", "`B` is not used", at("block B", STD)),
    error("Q101", "unknown name `a`", at("block A(größe: int) {\n    a")),
    error("Q001", "`x.qspec` does not exist"),
]
LOG = json.loads(sarif(DIAGNOSTICS))
RUN = LOG["runs"][0]
RESULTS = RUN["results"]


def test_golden(golden: Callable[[Path, str], None]) -> None:
    log = json.loads(sarif(DIAGNOSTICS))
    driver = log["runs"][0]["tool"]["driver"]
    driver["version"] = "…"
    for rule in driver["rules"]:
        rule["help"] = {"text": "…", "markdown": "…"}
    golden(GOLDEN, json.dumps(log, indent=2, ensure_ascii=False) + "\n")


def check(value: Any, needs: dict[str, type], may: dict[str, type]) -> None:
    """An object has what it needs, and nothing but that and what it may have."""
    assert isinstance(value, dict)
    assert set(needs) <= set(value) <= set(needs) | set(may)
    for key, item in value.items():
        assert isinstance(item, (needs | may)[key]), key


def check_place(place: Any) -> None:
    check(place, {"artifactLocation": dict, "region": dict}, {})
    check(place["artifactLocation"], {"uri": str}, {})
    assert place["artifactLocation"]["uri"].isascii()
    assert " " not in place["artifactLocation"]["uri"]
    region = place["region"]
    names = ("startLine", "startColumn", "endLine", "endColumn")
    check(region, dict.fromkeys(names, int), {})
    assert min(region.values()) >= 1
    start, end = ((region[f"{x}Line"], region[f"{x}Column"]) for x in ("start", "end"))
    assert start <= end


def check_result(result: Any) -> None:
    needs = {"ruleId": str, "ruleIndex": int, "level": str, "message": dict}
    check(result, needs, {"locations": list, "relatedLocations": list, "fixes": list})
    assert result["level"] in ("none", "note", "warning", "error")
    assert result["message"]["text"]
    for place in result.get("locations", []):
        check(place, {"physicalLocation": dict}, {"message": dict})
        check_place(place["physicalLocation"])
    for place in result.get("relatedLocations", []):
        check(place, {"physicalLocation": dict, "id": int}, {"message": dict})
        check_place(place["physicalLocation"])
    for fix in result.get("fixes", []):
        check(fix, {"description": dict, "artifactChanges": list}, {})
        for change in fix["artifactChanges"]:
            check(change, {"artifactLocation": dict, "replacements": list}, {})
            for replacement in change["replacements"]:
                check(replacement, {"deletedRegion": dict, "insertedContent": dict}, {})


@pytest.mark.parametrize("diagnostics", [[], DIAGNOSTICS], ids=["nothing", "several"])
def test_the_structure_is_that_of_the_standard(diagnostics: list[Any]) -> None:
    log = json.loads(sarif(diagnostics))
    check(log, {"$schema": str, "version": str, "runs": list}, {})
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    check(run, {"tool": dict, "columnKind": str, "results": list}, {})
    assert run["columnKind"] in ("utf16CodeUnits", "unicodeCodePoints")
    check(run["tool"], {"driver": dict}, {})
    driver = run["tool"]["driver"]
    check(driver, {"name": str, "version": str, "rules": list}, {})
    for rule in driver["rules"]:
        check(rule, {"id": str, "name": str, "shortDescription": dict}, {"help": dict})
    for result in run["results"]:
        check_result(result)
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_a_rule_has_its_manual_page() -> None:
    rules = {rule["id"]: rule for rule in RUN["tool"]["driver"]["rules"]}
    assert list(rules) == ["Q001", "Q101", "Q104"]
    assert rules["Q101"]["help"]["markdown"] == codes.page("Q101")


def test_columns_count_characters() -> None:
    region = RESULTS[0]["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 4, "startColumn": 9, "endLine": 4, "endColumn": 15}
    related = RESULTS[0]["relatedLocations"][0]["physicalLocation"]["region"]
    assert (related["startColumn"], related["endColumn"]) == (9, 19)


def test_a_fix_is_an_edit_of_the_file() -> None:
    (fix,) = RESULTS[0]["fixes"]
    (change,) = fix["artifactChanges"]
    assert change["artifactLocation"]["uri"] == "specs/my%20model.qspec"
    assert change["replacements"][0]["insertedContent"]["text"] == "Linear"
