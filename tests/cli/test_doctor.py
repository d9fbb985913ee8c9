"""Looks at installations that are whole, lack something, or are broken."""

import json
import re
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace

import pytest

from qdsl.cli.doctor import backends, packages
from qdsl.target import STATIC, Availability, Capability, Survey

ROOT = Path(__file__).parents[2]


class Partial:
    """A back end of which the machine runs a part."""

    name = "partial"

    def availability(self):
        return Availability(True)

    def capabilities(self):
        return tuple(
            Capability("linear_small", "linear", grid, bits, ("f32",))
            for grid, bits in (("integer", (2, 3, 4)), ("binary", (1,)))
        )

    def survey(self):
        lacks = Availability(False, "this processor lacks `wide`")
        sets = {"small": Availability(True), "wide": lacks}
        kernels = {"linear_small": sets["small"], "linear_wide": sets["wide"]}
        return Survey("small", sets, kernels)


class Ranges(Partial):
    def capabilities(self):
        words = ("f32", *STATIC)
        return (Capability("linear_small", "linear", "integer", (2,), words),)


class Absent(Partial):
    def availability(self):
        return Availability(False, "no device")


class Mistaken(Partial):
    def availability(self):
        return Availability(False, "WIDTH: no such width", mistaken=True)


class Raising(Partial):
    def survey(self):
        raise OSError("no such device")


@pytest.fixture
def doctor(qdsl, monkeypatch):
    """`doctor(name=…)`: the command on those back ends; the packages are those that are here."""

    def run(*arguments, **found):
        monkeypatch.setattr(backends, "installed", lambda: found)
        return qdsl("doctor", *arguments)

    return run


@pytest.fixture
def versions(monkeypatch):
    """`versions["torch"] = …`: what is installed; None is not."""
    found = {package.name: package.least for package in packages.PACKAGES}

    def version(name):
        if found[name] is None:
            raise PackageNotFoundError(name)
        return found[name]

    monkeypatch.setattr(packages, "version", version)
    monkeypatch.setattr(packages, "_importable", lambda module: True)
    return found


def test_what_a_machine_runs_and_why_not_more(doctor, golden, versions):
    found = doctor(absent=Absent(), partial=Partial())
    assert (found.status, found.err) == (0, "")
    text = re.sub(r"^(qdsl|python|machine) .*", r"\1", found.out, flags=re.MULTILINE)
    text = re.sub(r"git +\S+", "git", text)
    golden(Path(__file__).parent / "golden" / "doctor.txt", text)


def test_a_back_end_that_is_set_wrong_is_broken(doctor, versions):
    found = doctor(mistaken=Mistaken())
    assert found.status == 1
    assert "broken: mistaken: WIDTH: no such width" in found.out


def test_all_static_ranges_are_one_word(doctor, versions):
    assert "integer  f32, static ranges\n" in doctor(ranges=Ranges()).out


def test_json(doctor, versions):
    versions["torch"] = None
    found = json.loads(doctor("--format", "json", absent=Absent(), partial=Partial()).out)
    assert set(found) == {"qdsl", "python", "machine", "git", "packages", "backends", "broken"}
    absent, partial = found["backends"]
    assert (absent["available"], absent["reason"]) == (False, "no device")
    assert partial["kernels"][1] == {
        "name": "linear_wide",
        "available": False,
        "reason": "this processor lacks `wide`",
    }
    torch = next(p for p in found["packages"] if p["name"] == "torch")
    assert (torch["version"], torch["broken"]) == (None, None)
    assert torch["install"] == "pip install 'qdsl[torch]'"
    assert found["broken"] == []


@pytest.mark.parametrize(
    ("name", "version", "status", "said"),
    [
        ("torch", None, 0, "pip install 'qdsl[torch]'"),
        ("torch", "1.13.1", 1, "broken: torch: older than 2.6"),
        ("torch", "2.13.0+cpu", 0, "2.13.0+cpu"),
        ("torch", "2.6", 0, "2.6"),
        ("numpy", None, 1, "broken: numpy: required, and not installed"),
    ],
)
def test_packages(doctor, versions, name, version, status, said):
    versions[name] = version
    found = doctor()
    assert found.status == status
    assert said in found.out


def test_a_package_without_its_module(doctor, versions, monkeypatch):
    monkeypatch.setattr(packages, "_importable", lambda module: module != "yaml")
    found = doctor()
    assert found.status == 1
    assert "broken: pyyaml: installed without its module `yaml`" in found.out


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        (Availability(False, "ImportError: libfast.so"), "ImportError: libfast.so"),
        (Raising(), "OSError: no such device"),
    ],
)
def test_a_broken_back_end(doctor, versions, backend, reason):
    found = doctor(fast=backend)
    assert found.status == 1
    assert f"broken: fast: {reason}" in found.out


def test_the_packages_are_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {"": project["dependencies"], **project["optional-dependencies"]}
    wanted = {
        (match[1], match[2], extra)
        for extra, lines in extras.items()
        if extra not in ("dev", "peers")  # which the project itself does not use
        for line in lines
        if (match := re.fullmatch(r"([\w-]+)>=([\d.]+)", line))
    }
    assert {(p.name, p.least, p.extra) for p in packages.PACKAGES} == wanted


def test_this_machine(qdsl):
    """Whatever is installed here: each kernel runs, or it is said what the machine lacks."""
    found = json.loads(qdsl("doctor", "--format", "json").out)
    for backend in found["backends"]:
        assert backend["available"] or backend["reason"]
        assert all(kernel["available"] or kernel["reason"] for kernel in backend["kernels"])


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ("avx2 fma f16c avx512bw avx512dq avx512vl", "this processor lacks `avx512_vnni`"),
        ("avx2", "this processor lacks `fma` and `f16c` and `avx512bw` and `avx512dq` and"),
        ("", "this processor lacks what `avx512vnni` needs"),
    ],
)
def test_what_a_processor_lacks(monkeypatch, flags, reason):
    machine = pytest.importorskip("qdsl_cpu.machine")
    native = SimpleNamespace(
        isas=lambda: ["scalar"], isa=lambda: "scalar", kernels=lambda: ["linear_avx512vnni"]
    )
    monkeypatch.setattr("qdsl_cpu._native", native, raising=False)
    monkeypatch.setattr(machine, "processor_flags", lambda: frozenset(flags.split()))
    found = machine.survey()
    assert found.chosen == "scalar"
    assert not found.kernels["linear_avx512vnni"].available
    assert found.kernels["linear_avx512vnni"].reason.startswith(reason)
