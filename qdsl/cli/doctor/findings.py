"""Tells what was found of an installation, as JSON too, and what of it is broken."""

import platform
import shutil
from collections.abc import Mapping
from typing import Any

from qdsl.cli.doctor import backends, packages
from qdsl.cli.doctor.backends import BackendState
from qdsl.cli.doctor.packages import PackageState
from qdsl.record import record
from qdsl.target import Availability


@record
class Findings:
    """What `qdsl doctor` prints."""

    qdsl: str
    python: str
    machine: str
    git: str | None
    packages: tuple[PackageState, ...]
    backends: tuple[BackendState, ...]

    def broken(self) -> list[str]:
        """What is installed and does not work, one line each."""
        wrong = [f"{p.package.name}: {p.broken}" for p in self.packages if p.broken]
        lost = [f"{b.name}: {b.availability.reason}" for b in self.backends if b.broken]
        return wrong + lost


def look() -> Findings:
    """The state of this installation."""
    return Findings(
        qdsl=_version(),
        python=f"{platform.python_version()} ({platform.python_implementation()})",
        machine=f"{platform.system()} {platform.machine()}",
        git=shutil.which("git"),
        packages=tuple(map(packages.look, packages.PACKAGES)),
        backends=backends.look(),
    )


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("qdsl")
    except PackageNotFoundError:  # run from its source
        return "not installed"


def to_json(found: Findings) -> dict[str, Any]:
    """The findings as JSON values; docs/reports.md says what each key means."""
    return {
        "qdsl": found.qdsl,
        "python": found.python,
        "machine": found.machine,
        "git": found.git is not None,
        "packages": [_package_json(s) for s in found.packages],
        "backends": [_backend_json(b) for b in found.backends],
        "broken": found.broken(),
    }


def _package_json(state: PackageState) -> dict[str, Any]:
    package = state.package
    return {
        "name": package.name,
        "version": state.version,
        "required": not package.extra,
        "purpose": package.purpose,
        "install": state.install,
        "broken": state.broken or None,
    }


def _backend_json(state: BackendState) -> dict[str, Any]:
    survey = state.survey
    return {
        "name": state.name,
        "available": state.availability.available,
        "reason": state.availability.reason,
        "chosen": survey.chosen if survey else None,
        "instruction_sets": _fates(survey.instruction_sets) if survey else [],
        "kernels": _fates(survey.kernels) if survey else [],
        "capabilities": [
            {
                "kernel": c.kernel,
                "operation": c.operation,
                "grid": c.grid,
                "bits": list(c.bits),
                "activations": list(c.activations),
            }
            for c in state.capabilities
        ],
    }


def _fates(found: Mapping[str, Availability]) -> list[dict[str, Any]]:
    return [
        {"name": name, "available": a.available, "reason": a.reason} for name, a in found.items()
    ]
