"""Provokes what is wrong with a packed file: each spoilt in one way, and sealed where need be."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from qdsl.artifact.container import read
from qdsl.artifact.header import PREFIX, filled
from qdsl.spec import Variant

Net = Callable[..., Variant]
Refused = Callable[[str, Callable[[], object]], None]


@dataclass(frozen=True)
class Parts:
    """A packed file: the JSON of its header, and the tensors behind it."""

    table: dict[str, Any]
    tensors: bytes

    @classmethod
    def of(cls, data: bytes) -> "Parts":
        end = 8 + int.from_bytes(data[:8], "little")
        return cls(json.loads(data[8:end]), data[end:])

    def sealed(self) -> bytes:
        """The file with every digest right, as a packer would leave it."""
        metadata = self.table["__metadata__"]
        metadata["qdsl:model_sha256"] = sha256(metadata["qdsl:model"].encode()).hexdigest()
        text = json.dumps(self.table, separators=(",", ":")).encode()
        text += b" " * (-(8 + len(text)) % 64)
        header = len(text).to_bytes(8, "little") + text
        digest = sha256(self.tensors).hexdigest()
        return filled(header, tensors_sha256=digest, certificate="") + self.tensors


def of_another_dtype(good: bytes) -> bytes:
    parts = Parts.of(good)
    parts.table["map.bias"]["dtype"] = "F64"
    return parts.sealed()


def with_another_model(good: bytes) -> bytes:
    parts = Parts.of(good)
    parts.table["__metadata__"]["qdsl:model"] = "import os"
    return parts.sealed()


def with_another_tensor(good: bytes) -> bytes:
    parts = Parts.of(good)
    end = len(parts.tensors)
    parts.table["extra"] = {"dtype": "U8", "shape": [0], "data_offsets": [end, end]}
    return parts.sealed()


def with_scales_that_are_no_numbers(good: bytes) -> bytes:
    parts = Parts.of(good)
    begin, end = parts.table["map.weight.scales"]["data_offsets"]
    spoilt = b"\xff" * (end - begin)
    return Parts(parts.table, parts.tensors[:begin] + spoilt + parts.tensors[end:]).sealed()


def of_a_later_version(good: bytes) -> bytes:
    version = 8 + len(PREFIX)
    return good[:version] + b"2" + good[version + 1 :]


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "Q602": lambda good: b"qspec 1\n" * 40,
    "Q603": of_a_later_version,
    "Q604": lambda good: good[:-10],
    "Q605": lambda good: b"\xff" * 8 + good[8:],
    "Q606": lambda good: good[:-1] + bytes([good[-1] ^ 1]),
    "Q607": of_another_dtype,
    "Q608": lambda good: good + b"\0",
    "Q609": with_another_model,
    "Q610": with_another_tensor,
    "Q611": with_scales_that_are_no_numbers,
}


@pytest.fixture
def good(net: Net) -> bytes:
    """A packed file that is sound."""
    path = Path("net.qpack")
    net().program().to_qat().pack(path)
    assert Parts.of(path.read_bytes()).sealed() == path.read_bytes()
    read(path)
    return path.read_bytes()


@pytest.mark.parametrize("code", SPOILT)
def test_spoilt_files(code: str, good: bytes, refused: Refused) -> None:
    path = Path("spoilt.qpack")
    path.write_bytes(SPOILT[code](good))
    refused(code, lambda: read(path))


def test_a_file_that_is_not_there(refused: Refused) -> None:
    refused("Q601", lambda: read(Path("none.qpack")))


def test_a_folder_that_is_not_there(net: Net, refused: Refused) -> None:
    refused("Q612", lambda: net().program().to_qat().pack(Path("none/net.qpack")))
