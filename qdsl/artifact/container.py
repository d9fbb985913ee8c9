"""Writes a packed file, tensor by tensor, and seals it; it appears only when it is whole."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from qdsl.artifact.certificate import Certificate
from qdsl.artifact.header import CERTIFICATE, certificate_field, filled
from qdsl.artifact.layout import Placed, layout
from qdsl.artifact.reader import Artifact as Artifact
from qdsl.artifact.reader import read as read
from qdsl.artifact.refusal import ALTERED, Refusal, unwritable
from qdsl.ir.model import Model
from qdsl.replacing import replacing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Data = bytes | memoryview | NDArray[np.generic]

_COPY = 1 << 22


def write(
    path: Path,
    model: Model,
    tensors: "Callable[[str], Data]",
    *,
    choices: Mapping[str, str] | None = None,
) -> int:
    """Writes the packed file of a model and returns its bytes.

    `tensors` is called once per key in the order of the file and gives the bytes of that tensor,
    little-endian, so that one is in memory at a time; bf16 is given as u16. `choices` are the
    formats that a lock gave. Raises QdslError where the file cannot be written, and ValueError
    for a tensor of another size than the layout's.
    """
    plan = layout(model, choices)
    with _replacing(path) as file:
        file.write(plan.header)
        digest = sha256()
        for placed in plan.tensors:
            data = _bytes(placed, tensors(placed.entry.key))
            digest.update(data)
            file.write(data)
        header = filled(plan.header, tensors_sha256=digest.hexdigest(), certificate="")
        file.seek(0)
        file.write(header)
    return plan.total_bytes


def seal(path: Path, certificate: Certificate | None) -> None:
    """Puts the certificate into a packed file, or takes it out; no other byte of it changes.

    Raises QdslError for a file that `read` refuses, that is another than the certificate's, or that
    cannot be written: then it stays as it is.
    """
    field, found = certificate_field(str(certificate or "")), read(path).fingerprint
    if certificate and certificate.file != found:
        raise Refusal(ALTERED, "it is not the file that was verified").of(path)
    with path.open("rb") as source, _replacing(path) as file:
        while block := source.read(_COPY):
            file.write(block)
        file.seek(CERTIFICATE.start)
        file.write(field)


def _bytes(placed: Placed, data: "Data") -> memoryview:
    view: memoryview = memoryview(data)  # type: ignore[arg-type]
    if not view.c_contiguous:
        view = memoryview(view.tobytes())
    if view.nbytes != placed.entry.nbytes:
        entry = placed.entry
        raise ValueError(f"`{entry.key}` is given {view.nbytes} bytes, not {entry.nbytes}")
    # an empty view of several axes cannot be cast
    return view.cast("B") if view.nbytes else memoryview(b"")


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """As `replacing`; a failure is a diagnostic."""
    try:
        with replacing(path) as file:
            yield file
    except OSError as failure:
        raise unwritable(path, failure) from failure
