"""Says what a result was measured on, and keeps it as data."""

import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"


def processor_name() -> str:
    """The model of the processor, as Linux tells it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


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
    machine = {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
    }
    versions = {"python": platform.python_version(), "qdsl": version("qdsl"), **(runtimes or {})}
    text = json.dumps({"machine": machine, "versions": versions, **found}, indent=1)
    path.write_text(text + "\n")
