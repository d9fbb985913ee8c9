"""Reads a packed file: maps it, checks every claim it makes, and gives its tensors as views."""

import mmap
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from qdsl.artifact import refusal
from qdsl.artifact.certificate import DIGEST_CHARACTERS, Certificate, read_certificate
from qdsl.artifact.codec import Json, Malformed
from qdsl.artifact.header import (
    ALIGNMENT,
    CERTIFICATE,
    HEADER_SHA256,
    LENGTH_BYTES,
    PREFIX,
    TENSORS_SHA256,
    VERSION,
    blank,
    certificate_field,
    digest,
    header_digest,
)
from qdsl.artifact.layout import ELEMENT_BYTES, Layout, Placed, layout
from qdsl.artifact.model_reader import model_from_json
from qdsl.artifact.parse import parse
from qdsl.artifact.refusal import Refusal
from qdsl.ir.model import Model

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGEST_HEADER = 1 << 25
_BLOCK = 1 << 22
_METADATA = ("qdsl:model", "qdsl:model_sha256", "qdsl:choices", "qdsl:choices_sha256")
_DTYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "U8": "u1"}


@dataclass(frozen=True, eq=False)
class Artifact:
    """A packed file that has been checked; its tensors are views of the mapped file.

    `metadata` are the strings of the header, `certificate` is what `verify` left, `choices` are the
    formats that a lock gave.
    """

    path: Path
    model: Model
    metadata: Mapping[str, str]
    certificate: Certificate | None
    choices: Mapping[str, str]
    layout: Layout
    _data: mmap.mmap

    @property
    def file_bytes(self) -> int:
        return len(self._data)

    @property
    def fingerprint(self) -> str:
        """What a certificate of this file calls it."""
        return self.metadata["qdsl:header_sha256"][:DIGEST_CHARACTERS]

    @cached_property
    def _placed(self) -> Mapping[str, Placed]:
        return {p.entry.key: p for p in self.layout.tensors}

    def keys(self) -> tuple[str, ...]:
        """Keys of the tensors, in the order of the file."""
        return tuple(self._placed)

    def tensor(self, key: str) -> "NDArray[np.generic]":
        """A read-only view of a tensor; bf16 as u16. Raises KeyError."""
        import numpy as np

        placed = self._placed[key]
        dtype = np.dtype(_DTYPES[placed.entry.dtype])
        count = prod(placed.entry.shape)
        if not count:
            return np.empty(placed.entry.shape, dtype)
        start = self.layout.header_bytes + placed.begin
        return np.frombuffer(self._data, dtype, count, start).reshape(placed.entry.shape)

    def release(self, keys: Iterable[str]) -> None:
        """Gives back the memory of these tensors; their views read the file again."""
        for key in keys:
            placed, header = self._placed[key], self.layout.header_bytes
            _give_back(self._data, header + placed.begin, header + placed.end)


def read(path: Path) -> Artifact:
    """The packed file at `path`, every digest checked; raises QdslError with Q601 to Q611.

    The file stays mapped as long as the artifact or one of its tensors is in use.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            # an empty file cannot be mapped
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else None
    except OSError as failure:
        raise refusal.unreadable(path, failure) from failure
    try:
        if data is None:
            raise Refusal(refusal.TRUNCATED, "the file is empty")
        return _checked(path, data)
    except Refusal as refused:
        raise refused.of(path) from None


def _checked(path: Path, data: mmap.mmap) -> Artifact:
    header = _header(data)
    metadata, tensors = _parsed(header)
    _check_offsets(tensors, len(data) - len(header))
    model, choices = _model(metadata)
    plan = _plan(model, choices, header, tensors)
    _check_tensor_digest(data, header)
    artifact = Artifact(path, model, metadata, _certificate(header), choices, plan, data)
    from qdsl.artifact.contents import check_contents

    check_contents(model, artifact.tensor)
    _give_back(data, 0, len(data))
    return artifact


def _give_back(data: mmap.mmap, begin: int, end: int) -> None:
    """Takes pages of the file out of this process, which maps them again when it reads them."""
    if hasattr(mmap, "MADV_DONTNEED"):
        first = begin // mmap.PAGESIZE * mmap.PAGESIZE
        data.madvise(mmap.MADV_DONTNEED, first, end - first)


# ---- the header --------------------------------------------------------------------------------


def _header(data: mmap.mmap) -> bytes:
    """The bytes before the tensors, their digest checked."""
    start = data[: LENGTH_BYTES + len(PREFIX) + 12]
    version = re.match(re.escape(PREFIX.encode()) + rb'(\d{1,9})"', start[LENGTH_BYTES:])
    if version is None:
        raise Refusal(refusal.FOREIGN, "this is no packed model")
    if int(version[1]) != VERSION:
        known = f"this program reads format {VERSION}"
        raise Refusal(refusal.UNKNOWN_VERSION, f"it is of format {int(version[1])}, {known}")
    length = int.from_bytes(start[:LENGTH_BYTES], "little")
    if length > LARGEST_HEADER:
        raise Refusal(
            refusal.OVERSIZED_HEADER, f"it claims a header of {length} bytes, over {LARGEST_HEADER}"
        )
    end = LENGTH_BYTES + length
    if end > len(data) or end < TENSORS_SHA256.stop:
        raise Refusal(
            refusal.TRUNCATED, f"it claims a header of {length} bytes and has {len(data)} in all"
        )
    header = data[:end]
    if end % ALIGNMENT:
        raise Refusal(refusal.MALFORMED_HEADER, f"the header is not padded to {ALIGNMENT} bytes")
    if header_digest(header) != header[HEADER_SHA256].decode("latin-1"):
        raise Refusal(refusal.ALTERED, "the header is not as it was written")
    return header


def _parsed(header: bytes) -> tuple[Mapping[str, str], Mapping[str, Json]]:
    """Metadata and table of tensors."""
    try:
        table = parse(header[LENGTH_BYTES:].decode("ascii"))
        metadata = table.pop("__metadata__")
        certificate_field(metadata["qdsl:certificate"].rstrip(" "))
    except Malformed as failure:
        raise Refusal(refusal.MALFORMED_HEADER, f"the header is {failure}") from None
    except UnicodeDecodeError:
        raise Refusal(refusal.MALFORMED_HEADER, "the header is not ASCII") from None
    except (AttributeError, LookupError, TypeError, ValueError):
        raise Refusal(refusal.MALFORMED_HEADER, "the header lacks its metadata") from None
    for name in (*_METADATA, *metadata):
        if not isinstance(metadata.get(name), str):
            raise Refusal(refusal.MALFORMED_HEADER, f"metadata `{name[:40]}` is no text")
    return metadata, table


def _certificate(header: bytes) -> Certificate | None:
    """The certificate, which is of this file; None where there is none."""
    line = header[CERTIFICATE].decode("ascii").rstrip(" ")
    if not line:
        return None
    try:
        found = read_certificate(line)
    except ValueError as failure:
        raise Refusal(refusal.MALFORMED_HEADER, str(failure)) from None
    if found.file != header[HEADER_SHA256].decode("ascii")[:DIGEST_CHARACTERS]:
        raise Refusal(refusal.ALTERED, "its certificate is that of another file")
    return found


def _check_offsets(tensors: Mapping[str, Json], available: int) -> None:
    """Tensors stand end to end, in order, each of the bytes its shape needs, and fill the file."""
    end = 0
    for key, entry in tensors.items():
        begin, stop, needed = _extent(key, entry)
        if begin != end or stop - begin != needed:
            raise Refusal(
                refusal.MISPLACED_TENSOR,
                f"tensor `{key[:80]}` of {needed} bytes is said to be at {begin}..{stop},"
                f" the one before ends at {end}",
            )
        end = stop
    if end > available:
        raise Refusal(refusal.TRUNCATED, f"the tensors take {end} bytes, {available} are there")
    if end < available:
        raise Refusal(refusal.MISPLACED_TENSOR, f"{available - end} bytes follow the last tensor")


def _extent(key: str, entry: Json) -> tuple[int, int, int]:
    """Begin, end and the bytes that dtype and shape need."""
    match entry:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [begin, end], **rest}:
            numbers = [*shape, begin, end]
            natural = all(type(n) is int and 0 <= n < 1 << 63 for n in numbers)
            if natural and not rest and dtype in ELEMENT_BYTES and len(shape) <= 16:
                return begin, end, prod(shape) * ELEMENT_BYTES[dtype]
    raise Refusal(refusal.MALFORMED_HEADER, f"tensor `{key[:80]}` is described otherwise than due")


# ---- the model ---------------------------------------------------------------------------------


def _model(metadata: Mapping[str, str]) -> tuple[Model, Mapping[str, str]]:
    for name in ("model", "choices"):
        if metadata[f"qdsl:{name}_sha256"] != digest(metadata[f"qdsl:{name}"].encode()):
            raise Refusal(refusal.ALTERED, f"`qdsl:{name}` is not as it was written")
    try:
        choices = parse(metadata["qdsl:choices"])
        if not isinstance(choices, dict) or not all(isinstance(v, str) for v in choices.values()):
            raise Malformed("the choices are no object of texts")
        return model_from_json(metadata["qdsl:model"]), choices
    except Malformed as failure:
        raise Refusal(refusal.MALFORMED_MODEL, f"its model: {failure}") from None


def _plan(
    model: Model, choices: Mapping[str, str], header: bytes, tensors: Mapping[str, Json]
) -> Layout:
    """The layout that the model gives, which the file must have."""
    plan = layout(model, choices)
    expected = {
        p.entry.key: (p.entry.dtype, list(p.entry.shape), [p.begin, p.end]) for p in plan.tensors
    }
    found = {k: (e["dtype"], e["shape"], e["data_offsets"]) for k, e in tensors.items()}
    for key in (*expected, *found):
        if expected.get(key) != found.get(key):
            raise Refusal(
                refusal.MISMATCHED_TENSOR, f"tensor `{key[:80]}` is not as its model says"
            )
    # what is left: the order of its parts, the ties, metadata that nobody knows
    if blank(header) != plan.header:
        raise Refusal(refusal.MALFORMED_HEADER, "the header is not the one that its model gives")
    return plan


def _check_tensor_digest(data: mmap.mmap, header: bytes) -> None:
    found, view = sha256(), memoryview(data)
    for start in range(len(header), len(view), _BLOCK):
        found.update(view[start : start + _BLOCK])
        _give_back(data, start, min(start + _BLOCK, len(data)))
    view.release()
    if found.hexdigest() != header[TENSORS_SHA256].decode("latin-1"):
        raise Refusal(refusal.ALTERED, "its tensors are not as they were written")
