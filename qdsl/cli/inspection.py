"""Tells what is in a packed file: as text, and as JSON."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from qdsl.artifact.layout import Part, Placed, storage_tensors
from qdsl.artifact.reader import Artifact
from qdsl.artifact.runs import length
from qdsl.cli.folding import first_path, folded
from qdsl.ir.format import Activations
from qdsl.ir.model import Entry, Fold, Storage, path_of_key
from qdsl.size.quantity import exact_bytes
from qdsl.size.table import table

_INDEX = re.compile(r"\[[\d.]+\]")

DIGESTS = ("header", "tensors", "model", "choices")


def inspection_text(artifact: Artifact) -> str:
    """Head, entries, storages (runs of equal ones on one line), ties, and what vouches for it."""
    model = artifact.model
    lines = [
        f"{artifact.path}: {model.name}, {exact_bytes(artifact.file_bytes)}, format "
        f"{artifact.metadata['qdsl:format']}",
        "",
        *(
            f"entry {e.name}({_inputs(e)}) -> {', '.join(map(str, e.results))}"
            for e in model.entries
        ),
        "",
        *_storages(artifact),
        "",
        *(f"tie  {alias} = {owner}" for alias, owner in model.ties.items()),
        *_folds(model.folds),
        *(f"activations  {run}: {format}" for run, format in _formats(model.activations)),
        *(f"state  {run}: {format}" for run, format in _formats(model.states)),
        *(
            f"{property}  {run}: {format}"
            for property, found in model.roundings.items()
            for run, format in _formats(found)
        ),
        *(f"chosen  {path}: {format}" for path, format in artifact.choices.items()),
        *(f"{name} sha256  {_digest(artifact, name)}" for name in DIGESTS),
        f"certificate  {artifact.certificate or 'none'}",
    ]
    return "\n".join(lines) + "\n"


def to_json(artifact: Artifact) -> dict[str, Any]:
    """The file as JSON values; docs/reports.md says what each key means."""
    model = artifact.model
    places = _places(artifact)
    return {
        "file": str(artifact.path),
        "total_bytes": artifact.file_bytes,
        "header_bytes": artifact.layout.header_bytes,
        "format": artifact.metadata["qdsl:format"],
        "model": model.name,
        "entries": [_entry(e) for e in model.entries],
        "storages": [_storage(artifact, s, places[s.path]) for s in model.storages],
        "ties": dict(model.ties),
        "folds": [{"norm": f.norm, "into": f.into} for f in model.folds],
        "activations": {path: str(f) for path, f in model.activations.items()},
        "states": {path: str(f) for path, f in model.states.items()},
        "roundings": {
            property: {path: str(f) for path, f in found.items()}
            for property, found in model.roundings.items()
        },
        "ranges": [_tensor(artifact, p) for p in places[""]],
        "choices": dict(artifact.choices),
        "sha256": {name: _digest(artifact, name) for name in DIGESTS},
        "certificate": str(artifact.certificate or ""),
    }


def _formats(found: Mapping[str, Activations]) -> Iterator[tuple[str, str]]:
    for run, (format,) in folded({path: (str(format),) for path, format in found.items()}):
        yield run, format


def _folds(folds: Iterable[Fold]) -> Iterator[str]:
    """A line for each norm that was folded, runs of one index of both paths on one."""
    lines = {}
    for fold in folds:
        index = _INDEX.search(fold.norm)
        lines[fold.norm] = (fold.into.replace(index[0], "[]", 1) if index else fold.into,)
    for run, (into,) in folded(lines):
        index = _INDEX.search(run)
        yield f"fold  {run} into {into.replace('[]', index[0]) if index else into}"


def _digest(artifact: Artifact, name: str) -> str:
    return artifact.metadata[f"qdsl:{name}_sha256"]


def _places(artifact: Artifact) -> dict[str, list[Placed]]:
    """Where the tensors of each storage stand, in the order of the file; "" has the ranges."""
    keys = {t.key: s.path for s in artifact.model.storages for t in storage_tensors(s)}
    found: dict[str, list[Placed]] = defaultdict(list)
    for placed in artifact.layout.tensors:
        found[keys.get(placed.entry.key, "")].append(placed)
    return found


def _offset(artifact: Artifact, placed: Placed) -> int:
    """Counted from the start of the file."""
    return artifact.layout.header_bytes + placed.begin


def _inputs(entry: Entry) -> str:
    return ", ".join(f"{x.name}: {x.type}" + (" = zeros" if x.zeros else "") for x in entry.inputs)


def _entry(entry: Entry) -> dict[str, Any]:
    inputs = [{"name": x.name, "type": str(x.type), "zeros": x.zeros} for x in entry.inputs]
    return {"name": entry.name, "inputs": inputs, "results": [str(t) for t in entry.results]}


def _storage(artifact: Artifact, storage: Storage, tensors: list[Placed]) -> dict[str, Any]:
    return {
        "path": storage.path,
        "kind": storage.kind,
        "shape": list(storage.parameter.shape),
        "format": str(storage.format),
        "total_bytes": sum(p.entry.nbytes for p in tensors),
        "tensors": [_tensor(artifact, p) for p in tensors],
    }


def _tensor(artifact: Artifact, placed: Placed) -> dict[str, Any]:
    entry = placed.entry
    return {
        "key": entry.key,
        "dtype": entry.dtype,
        "shape": list(entry.shape),
        "offset": _offset(artifact, placed),
        "bytes": entry.nbytes,
    }


def _storages(artifact: Artifact) -> Iterator[str]:
    """A line for each storage and each range, runs of equal ones folded."""
    lines: dict[str, tuple[str, ...]] = {}
    offsets: dict[str, int] = {}
    places = _places(artifact)
    for storage in artifact.model.storages:
        lines[storage.path] = _cells(storage, places[storage.path])
        offsets[storage.path] = _offset(artifact, places[storage.path][0])
    for placed in places[""]:
        path = path_of_key(placed.entry.key)
        lines[path] = _range_cells(placed)
        offsets[path] = _offset(artifact, placed)
    rows = []
    for run, (each, *cells) in folded(lines):
        count = length(run)
        times, at = f"×{count}" if count > 1 else "", f"{offsets[first_path(run)]:,}"
        rows.append((f"{int(each) * count:,}", at, run, times, *cells))
    heading = ("bytes", "at", "path", "", "kind", "shape", "format")
    header = (f"{artifact.layout.header_bytes:,}", "0", "(header)", "", "", "", "")
    total = (f"{artifact.file_bytes:,}", "", "(total)", "", "", "", "")
    yield from table([heading, header, *rows, total], right=(0, 1))


def _cells(storage: Storage, tensors: list[Placed]) -> tuple[str, ...]:
    count = sum(p.entry.nbytes for p in tensors)
    return str(count), storage.kind, _shape(storage.parameter.shape), str(storage.format)


def _range_cells(placed: Placed) -> tuple[str, ...]:
    entry = placed.entry
    kind = "table" if entry.part is Part.TABLE else "range"
    return str(entry.nbytes), kind, _shape(entry.shape), entry.dtype.lower()


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "scalar"
