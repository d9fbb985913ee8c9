"""Says what a result was measured on, and keeps it as data."""

import json
from collections.abc import Mapping
from pathlib import Path

from qdsl.bench.machine import machine, versions
from qdsl.replacing import replacing

RESULTS = Path(__file__).resolve().parent / "results"


def keep(name: str, found: Mapping[str, object]) -> None:
    """Writes `results/NAME.json`: machine, load and versions before what was found."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    write(path, found)
    print(f"written to {path.relative_to(RESULTS.parent.parent)}")


def write(
    path: Path, found: Mapping[str, object], runtimes: Mapping[str, str] | None = None
) -> None:
    """Writes machine, load, versions (of `runtimes` too) and what was found."""
    head = {"machine": machine(), "versions": {**versions(), **(runtimes or {})}}
    text = json.dumps({**head, **found}, indent=1)
    with replacing(path) as file:  # a run may end half way
        file.write((text + "\n").encode())
