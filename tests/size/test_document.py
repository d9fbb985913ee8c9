"""Holds docs/reports.md to the keys that are written."""

import re
from pathlib import Path

import pytest

from qdsl.size import budget, diff, report

TEXT = (Path(__file__).parents[2] / "docs" / "reports.md").read_text(encoding="utf-8")


def keys(title, section="# "):
    """The first column of the table behind a line, looked for from a section on."""
    text = TEXT[TEXT.index(section) :]
    rows = text.partition(f"\n{title}\n")[2].lstrip("\n").partition("\n\n")[0].splitlines()[2:]
    return [key for row in rows for key in re.findall(r"`(\w+)`", row.split("|")[1])]


@pytest.fixture(scope="module")
def small(report_of):
    return report_of("small", lambda path: None)


def test_size(small):
    data = report.to_json(small)
    assert keys("## size") == [*data, "budgets"]
    assert keys("A row:", "## size") == list(data["rows"][0])


def test_budget(small):
    limit = budget.Limit("x", budget.Measure.SIZE, budget.Comparison.AT_MOST, 1, whole=True)
    assert keys("A budget:") == list(budget.to_json(budget.judge(limit, small)))


def test_diff(small, report_of):
    found = diff.to_json(diff.diff(small, report_of("deep", lambda path: None, depth=4)))
    assert keys("## diff") == list(found)
    assert keys("A row:", "## diff") == list(found["rows"][0])
