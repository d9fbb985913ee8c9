"""Writes and reads the certificate of a packed file: what `verify` found, in 256 characters.

One line of words, each with one space before the next:

    qdsl-verify/1 backend=cpu/avx2 layers=12 codes=12 equal=9 bound=12 worst=0.0312 entries=4/4
    inputs=0123456789abcdef file=0123456789abcdef sum=01234567

docs/artifact.md says what each means. A certificate vouches for one file: `file` begins the digest
of its header, which covers everything else. `sum` guards the line against damage, not forgery.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from qdsl.artifact.header import CERTIFICATE_BYTES

_LINE = re.compile(
    r"qdsl-verify/1"
    r" backend=(?P<backend>[a-z0-9_.-]{1,32})/(?P<instructions>[a-z0-9_.-]{1,32})"
    r" layers=(?P<layers>\d{1,9}) codes=(?P<codes>\d{1,9})"
    r" equal=(?P<equal>\d{1,9}) bound=(?P<bound>\d{1,9})"
    r" worst=(?P<worst>\d\.\d{4})"
    r" entries=(?P<entries_equal>\d{1,6})/(?P<entries>\d{1,6})"
    r" inputs=(?P<inputs>[0-9a-f]{16}) file=(?P<file>[0-9a-f]{16})"
    r" sum=[0-9a-f]{8}"
)
_SUM_CHARACTERS = 8
DIGEST_CHARACTERS = 16
_READ: Mapping[str, Callable[[str], Any]] = {  # words that are no counts
    "backend": str,
    "instructions": str,
    "worst": float,
    "inputs": str,
    "file": str,
}


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a comparison of a packed file with its trained program found.

    layers: operations compared; codes: those with the frozen codes; equal: those with bit-identical
    results; bound: those within their bound; worst: the largest share of a bound; entries_equal: of
    the `entries` run end to end, those with equal results; inputs, file: the first 16 digits of
    SHA-256 of the file of recorded inputs and of the header of the packed file.
    """

    backend: str
    instructions: str
    layers: int
    codes: int
    equal: int
    bound: int
    worst: float
    entries_equal: int
    entries: int
    inputs: str
    file: str

    def __str__(self) -> str:
        """The line; raises ValueError for a back end whose name it cannot hold."""
        line = (
            f"qdsl-verify/1 backend={self.backend}/{self.instructions} layers={self.layers} "
            f"codes={self.codes} equal={self.equal} bound={self.bound} worst={self.worst:.4f} "
            f"entries={self.entries_equal}/{self.entries} inputs={self.inputs} file={self.file}"
        )
        line += f" sum={sha256(line.encode()).hexdigest()[:_SUM_CHARACTERS]}"
        if len(line) > CERTIFICATE_BYTES or not _LINE.fullmatch(line):
            raise ValueError(f"no certificate says `{line}`")
        return line


def read_certificate(line: str) -> Certificate:
    """The certificate of a line; raises ValueError for one that `verify` never writes."""
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError("the certificate is not as `verify` writes it")
    words = match.groupdict()
    found = Certificate(**{k: _READ.get(k, int)(text) for k, text in words.items()})
    counts = (found.codes, found.equal, found.bound)
    if str(found) != line or max(counts) > found.layers or found.entries_equal > found.entries:
        raise ValueError("the certificate is not as `verify` writes it")
    return found
