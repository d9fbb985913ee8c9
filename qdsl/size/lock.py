"""Reads and writes the lock of a file: which of its open formats `qdsl fit` chose.

A lock is `FILE.lock.yaml` beside the file. It holds, per variant, a hash of the resolved variant
with its `any` sets, so that a choice is never applied to another model than it was made for.
"""

from collections.abc import Mapping
from dataclasses import field
from hashlib import sha256
from pathlib import Path

from qdsl.artifact.schema import canonical, model_to_json
from qdsl.diagnostic.model import Diagnostic, QdslError, Severity, error
from qdsl.ir.model import Model
from qdsl.record import record
from qdsl.sema.files import Read
from qdsl.size.choices import open_storages
from qdsl.syntax import read

Choices = Mapping[str, str]  # storage path → format text


@record
class Locked:
    """The choices made for one variant."""

    hash: str
    formats: Choices = field(default_factory=dict)


def lock_path(path: str | Path) -> Path:
    """Where the lock of a file stands."""
    return Path(f"{path}.lock.yaml")


def variant_hash(model: Model) -> str:
    """SHA-256, in hexadecimal, of the model and its open formats."""
    choices = {s.path: [str(f) for f in s.choices] for s in open_storages(model)}
    return sha256(f"{model_to_json(model)}\n{canonical(choices)}".encode()).hexdigest()


def parse_lock(text: str, name: str) -> Mapping[str, Locked]:
    """The locked variants by name; raises QdslError (Q406) for a text that is no lock."""
    import yaml

    try:
        content = yaml.safe_load(text) or {}
        return {
            str(variant): Locked(
                _text(entry["hash"]), {_text(p): _text(f) for p, f in entry["formats"].items()}
            )
            for variant, entry in content["variants"].items()
        }
    except (yaml.YAMLError, RecursionError, TypeError, KeyError, AttributeError) as wrong:
        help = f"delete it and run `qdsl fit {name.removesuffix('.lock.yaml')}`"
        raise QdslError([error("Q406", f"`{name}` is no lock", help=help)]) from wrong


def read_lock(place: Path) -> Mapping[str, Locked]:
    """The lock at that place, empty where there is none; raises QdslError."""
    if not place.exists():
        return {}
    source, findings = read(place, str(place))
    if source is None:
        raise QdslError(findings)
    return parse_lock(source.text, str(place))


def read_locks(
    path: str, models: Mapping[str, Model], reader: Read
) -> tuple[Mapping[str, Choices], tuple[Diagnostic, ...]]:
    """Choices by variant for those of `models` that the file's lock is of, and what is wrong.

    A variant that changed since is told (Q406), and stays open.
    """
    place = lock_path(path)
    if not place.exists() and reader is read:
        return {}, ()
    source, _ = reader(place, str(place))
    if source is None:
        return {}, ()  # no lock at that revision
    try:
        locked = parse_lock(source.text, str(place))
    except QdslError as wrong:
        return {}, wrong.diagnostics
    found: dict[str, Choices] = {}
    stale: list[Diagnostic] = []
    for name, model in models.items():
        if name not in locked:
            continue
        if locked[name].hash == variant_hash(model) and _covers(locked[name].formats, model):
            found[name] = locked[name].formats
        else:
            message = f"the lock of `{path}#{name}` is of another model or other choices"
            help = f"run `qdsl fit {path}#{name}` again"
            stale.append(Diagnostic("Q406", message, help=help, severity=Severity.WARNING))
    return found, tuple(stale)


def _covers(formats: Choices, model: Model) -> bool:
    return all(formats.get(s.path) in {str(f) for f in s.choices} for s in open_storages(model))


def lock_text(locked: Mapping[str, Locked]) -> str:
    """The lock as YAML, in the order of the variants' names."""
    import yaml

    variants = {
        name: {"hash": entry.hash, "formats": dict(entry.formats)}
        for name, entry in sorted(locked.items())
    }
    head = "# Written by `qdsl fit`. Review it and keep it beside the spec.\n"
    return head + yaml.safe_dump({"variants": variants}, sort_keys=False, width=100)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
