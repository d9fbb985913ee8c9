"""Holds the table of functions in the manual to the functions there are."""

import re
from inspect import signature
from pathlib import Path

from qdsl.sema.functions import table

MANUAL = Path(__file__).parents[2] / "docs" / "language" / "meaning.md"
FORMS = {"len", "transpose"}  # their arguments are names, read by the evaluator itself


def _documented() -> dict[str, str]:
    """Name → arguments as the first column says, of every function of the table."""
    text = MANUAL.read_text().split("### Functions of tensors")[1].split("## Formats")[0]
    cells = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")]
    calls = re.findall(r"`(\w+)(?:\(([^`]*)\))?`", " ".join(cells))
    return {name: arguments for name, arguments in calls if name not in ("a", "x")}


def test_every_function_is_documented_and_no_other() -> None:
    assert _documented().keys() == table().keys() | FORMS


def test_arguments_are_documented_by_their_names() -> None:
    for name, arguments in _documented().items():
        if name in FORMS or not arguments:
            continue
        parameters = list(signature(table()[name].apply).parameters)[1:]
        named = re.findall(r"(\w+) = ", arguments)
        assert set(named) <= set(parameters), name
