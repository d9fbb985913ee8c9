"""Makes a good packed file, and the means to spoil it and still have every digest right."""

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from qdsl.artifact.bits import pack_codes, pack_index
from qdsl.artifact.container import read, write
from qdsl.artifact.header import PLACES, blank, filled, header_digest
from qdsl.diagnostic.model import QdslError
from qdsl.diagnostic.render.full import full
from qdsl.ir.builder import Builder
from qdsl.ir.format import F32, IntegerGrid, Levels, WeightFormat
from qdsl.ir.model import Assigned, Entry, EntryInput, Model, Module, Storage, TensorType
from qdsl.ir.pattern import NM
from qdsl.ir.shape import shape
from qdsl.layers.linear import Linear

INT3 = WeightFormat("int3", IntegerGrid(3, levels=Levels.NARROW), pattern=NM(2, 3))


@dataclass(frozen=True)
class Packed:
    """The bytes of a file; methods give other bytes."""

    data: bytes

    @property
    def header_bytes(self):
        return 8 + int.from_bytes(self.data[:8], "little")

    @property
    def tensors(self):
        return self.data[self.header_bytes :]

    @property
    def table(self):
        return json.loads(self.data[8 : self.header_bytes])

    @property
    def model(self):
        return json.loads(self.table["__metadata__"]["qdsl:model"])

    def with_bytes(self, offset, new):
        """Some bytes replaced, digests left as they are."""
        return Packed(self.data[:offset] + new + self.data[offset + len(new) :])

    def with_text(self, text, tensors=None):
        """Another header text, sealed as a packer would."""
        tensors = self.tensors if tensors is None else tensors
        raw = text.encode("latin-1")
        raw += b" " * (-(8 + len(raw)) % 64)
        header = filled(
            len(raw).to_bytes(8, "little") + raw,
            tensors_sha256=sha256(tensors).hexdigest(),
            certificate="",
        )
        return Packed(header + tensors)

    def with_table(self, table, tensors=None):
        return self.with_text(json.dumps(table, separators=(",", ":")), tensors)

    def with_entry(self, key, **changes):
        """A tensor described otherwise."""
        return self.with_table({**self.table, key: {**self.table[key], **changes}})

    def with_metadata(self, **changes):
        metadata = {**self.table["__metadata__"], **changes}
        return self.with_table({**self.table, "__metadata__": metadata})

    def with_part(self, name, value):
        """Another value for one key of the model."""
        return self.with_model(json.dumps({**self.model, name: value}, separators=(",", ":")))

    def with_model(self, text):
        """Another text for the model, its digest right."""
        table = self.table
        metadata = table["__metadata__"]
        metadata["qdsl:model"] = text
        metadata["qdsl:model_sha256"] = sha256(text.encode()).hexdigest()
        return self.with_table(table)

    def with_tensor(self, key, data):
        """Other bytes for one tensor, its digest right."""
        begin, end = self.table[key]["data_offsets"]
        tensors = self.tensors[:begin] + data + self.tensors[end:]
        return self.with_text(self.data[8 : self.header_bytes].decode(), tensors)


def model():
    """`up = Linear(6 -> 2)`, its weight int3(levels = narrow) sparse 2:3."""
    layer = Linear(6, 2)
    given = TensorType("f32", shape("B", 6))
    inner = Builder("forward", {p.name: p.shape for p in layer.parameters()})
    result = layer.forward(inner, inner.input(given))
    outer = Builder("forward", {})
    results = outer.invoke("up", inner.finish((result,)), (outer.input(given),), (result.type,))
    entry = Entry("forward", (EntryInput("x", given),), (result.type,), outer.finish(results))
    weight, bias = layer.parameters()
    storages = (
        Storage("up.weight", "Linear", weight, Assigned(INT3)),
        Storage("up.bias", "Linear", bias, Assigned(F32)),
    )
    up = Module("Linear", True, layer.parameters(), {})
    return Model("Tiny", Module("Tiny", False, (), {"up": up}), (entry,), storages, {}, {}, {})


TENSORS = {
    "up.bias": np.zeros(2, np.float32),
    "up.weight.scales": np.ones((2, 1), np.float32),
    "up.weight.codes": pack_codes(np.array([[1, -3, 2, 0], [3, 3, -1, -2]]), INT3.grid),
    "up.weight.index": pack_index(np.array([[0, 1, 1, 2], [0, 2, 0, 1]], np.uint8), INT3.pattern),
}


HELP = {
    "Q602": "a packed model is written by `program.pack(…)`",
    "Q603": "read it with the version of qdsl that wrote it, or a later one",
}


@pytest.fixture
def bad(tmp_path, monkeypatch):
    """The name under which a spoilt file is read, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return Path("bad.qpack")


@pytest.fixture
def assert_refused(bad):
    """assert_refused(packed, code, message): reading it says exactly that."""

    def check(packed, code, message):
        bad.write_bytes(packed.data)
        with pytest.raises(QdslError) as caught:
            read(bad)
        help = HELP.get(code, "pack it again, or copy it again from where it came")
        expected = f"error[{code}]: `bad.qpack`: {message}\n  = help: {help}\n"
        assert full(caught.value.diagnostics, color=False) == expected

    return check


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp("good") / "good.qpack"
    write(path, model(), TENSORS.__getitem__)
    packed = Packed(path.read_bytes())
    header = packed.data[: packed.header_bytes]
    assert header_digest(header) == header[PLACES["qdsl:header_sha256"]].decode()
    assert blank(header) != header
    return packed
