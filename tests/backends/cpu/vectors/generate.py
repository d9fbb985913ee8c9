"""Stores what the scalar kernels of this machine compute, for other processors to be held to.

    QDSL_ISA=scalar python tests/backends/cpu/vectors/generate.py FOLDER

writes one file for each family of operations, always the same bytes. The format is described in
backends/cpu/tests/cases.h, which reads it; what each array is in the .cc file of the family there.
"""

import os
import struct
import sys
from pathlib import Path

from arithmetic import integer_cases
from products import Arrays, embedding_cases, gru_cases, linear_cases, lstm_cases
from rounding import matmul_cases, round_cases

FAMILIES = {
    "linear": linear_cases,
    "lstm": lstm_cases,
    "gru": gru_cases,
    "embedding": embedding_cases,
    "integer": integer_cases,
    "matmul": matmul_cases,
    "round": round_cases,
}


def text(words: str) -> bytes:
    return struct.pack("B", len(words.encode())) + words.encode()


def write(path: Path, cases: list[tuple[str, Arrays]]) -> None:
    """A file of the operation that it is called after."""
    parts = [b"QDSLVEC1", struct.pack("<I", len(cases))]
    for name, arrays in cases:
        parts += [text(path.stem), text(name), struct.pack("B", len(arrays))]
        for label, array in arrays.items():
            parts += [text(label), array.dtype.char.encode(), struct.pack("B", array.ndim)]
            parts += [struct.pack(f"<{array.ndim}I", *array.shape)]
            parts += [array.astype(array.dtype.newbyteorder("<")).tobytes()]
    path.write_bytes(b"".join(parts))


def main(folder: Path) -> None:
    """Writes all files."""
    if os.environ.get("QDSL_ISA") != "scalar":
        raise SystemExit("QDSL_ISA=scalar makes the kernels those that all others are held to")
    for family, cases in FAMILIES.items():
        write(folder / f"{family}.vectors", list(cases()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
