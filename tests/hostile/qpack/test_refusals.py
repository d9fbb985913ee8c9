"""Spoilt packed files: each is refused with code and message, and nothing large is allocated."""

import json
import os
import tracemalloc

import pytest

from qdsl.artifact.container import read
from qdsl.diagnostic.codes import name
from qdsl.diagnostic.model import QdslError
from qdsl.diagnostic.render.full import full

BOMB = 200 * 1024  # bytes that refusing a small file may take


def table(good, **changes):
    return good.with_table({**good.table, **changes})


def tensor(good, key, **changes):
    return table(good, **{key: {**good.table[key], **changes}})


def metadata(good, **changes):
    return table(good, __metadata__={**good.table["__metadata__"], **changes})


def model(good, **changes):
    return good.with_model(json.dumps({**good.model, **changes}, separators=(",", ":")))


def without(good, key):
    return good.with_table({k: v for k, v in good.table.items() if k != key})


def reordered(good):
    found = good.table["__metadata__"]
    first = {k: found.pop(k) for k in list(found)[:4]}
    return metadata_only(good, {**first, **dict(reversed(found.items()))})


def metadata_only(good, found):
    return good.with_table({**good.table, "__metadata__": found})


def nested(good, depth):
    text = good.data[8 : good.header_bytes].decode().rstrip(" ")
    return good.with_text(text[:-1] + ',"x":' + "[" * depth + "]" * depth + "}")


def twice(good):
    text = good.data[8 : good.header_bytes].decode().rstrip(" ")
    return good.with_text(text[:-1] + ',"up.bias":{}}')


def blocks(good, count):
    """The model with its root's member repeated `count` times."""
    found = good.model
    found["modules"][1][3] = [["up", [[0, count]]]]
    return good.with_model(json.dumps(found, separators=(",", ":")))


def parameter(good, shape):
    found = good.model["parameters"]
    return model(good, parameters=[[*found[0][:1], shape, *found[0][2:]], *found[1:]])


def format_of(good, **changes):
    first, *others = good.model["formats"]
    return model(good, formats=[{**first, **changes}, *others])


STEP = ("op", "inputs", "types", "parameters")


def step(good, **changes):
    body, *others = good.model["bodies"]
    function, inputs, (only,), outputs = body
    changed = [changes.get(name, value) for name, value in zip(STEP, only, strict=True)]
    return model(good, bodies=[[function, inputs, [changed], outputs], *others])


CASES = {
    # ---- cut, foreign, of another version
    "empty": (lambda g: type(g)(b""), "Q604", "the file is empty"),
    "no header": (lambda g: type(g)(g.data[:30]), "Q602", "this is no packed model"),
    "text": (lambda g: type(g)(b"qspec 1\n" * 40), "Q602", "this is no packed model"),
    "other safetensors": (
        lambda g: g.with_bytes(8, b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'),
        "Q602",
        "this is no packed model",
    ),
    "later version": (
        lambda g: g.with_bytes(40, b"2"),
        "Q603",
        "it is of format 2, this program reads format 1",
    ),
    "half a header": (
        lambda g: type(g)(g.data[:600]),
        "Q604",
        "it claims a header of {header} bytes and has 600 in all",
    ),
    "half the tensors": (
        lambda g: type(g)(g.data[:-10]),
        "Q604",
        "the tensors take 22 bytes, 12 are there",
    ),
    "a byte more": (
        lambda g: type(g)(g.data + b"\0"),
        "Q608",
        "1 bytes follow the last tensor",
    ),
    # ---- lengths
    "largest length": (
        lambda g: g.with_bytes(0, b"\xff" * 8),
        "Q605",
        "it claims a header of 18446744073709551615 bytes, over 33554432",
    ),
    "large length": (
        lambda g: g.with_bytes(0, (1 << 24).to_bytes(8, "little")),
        "Q604",
        "it claims a header of 16777216 bytes and has {size} in all",
    ),
    "small length": (
        lambda g: g.with_bytes(0, (56).to_bytes(8, "little")),
        "Q604",
        "it claims a header of 56 bytes and has {size} in all",
    ),
    "odd length": (
        lambda g: g.with_bytes(0, (1970).to_bytes(8, "little")),
        "Q607",
        "the header is not padded to 64 bytes",
    ),
    # ---- bits
    "a bit of the model": (
        lambda g: g.with_bytes(900, bytes([g.data[900] ^ 1])),
        "Q606",
        "the header is not as it was written",
    ),
    "a bit of the codes": (
        lambda g: g.with_bytes(len(g.data) - 3, bytes([g.data[-3] ^ 1])),
        "Q606",
        "its tensors are not as they were written",
    ),
    "another model's digest": (
        lambda g: metadata(g, **{"qdsl:model_sha256": "0" * 64}),
        "Q606",
        "`qdsl:model` is not as it was written",
    ),
    "other choices": (
        lambda g: metadata(g, **{"qdsl:choices": '{"up.weight":"int2"}'}),
        "Q606",
        "`qdsl:choices` is not as it was written",
    ),
    # ---- the header's JSON
    "no JSON": (
        lambda g: g.with_text(g.data[8 : g.header_bytes].decode().rstrip(" ")[:-1]),
        "Q607",
        "the header is no JSON from character {header} on",
    ),
    "not ASCII": (
        lambda g: g.with_text(g.data[8 : g.header_bytes].decode().replace("up.bias", "\xfcp.bias")),
        "Q607",
        "the header is not ASCII",
    ),
    "deep JSON": (lambda g: nested(g, 50_000), "Q607", "the header is nested deeper than 200"),
    "a name twice": (
        twice,
        "Q607",
        "the header is `up.bias` stands twice in one object",
    ),
    "metadata that is no text": (
        lambda g: metadata(g, **{"qdsl:model": ["x"]}),
        "Q607",
        "metadata `qdsl:model` is no text",
    ),
    "unknown metadata": (
        lambda g: metadata(g, run="rm -rf"),
        "Q607",
        "the header is not the one that its model gives",
    ),
    "metadata in another order": (
        reordered,
        "Q607",
        "the header is not the one that its model gives",
    ),
    "an unknown key of a tensor": (
        lambda g: tensor(g, "up.bias", pickle="gASV"),
        "Q607",
        "tensor `up.bias` is described otherwise than due",
    ),
    "an unknown dtype": (
        lambda g: tensor(g, "up.bias", dtype="F64"),
        "Q607",
        "tensor `up.bias` is described otherwise than due",
    ),
    "a negative offset": (
        lambda g: tensor(g, "up.bias", data_offsets=[-8, 0]),
        "Q607",
        "tensor `up.bias` is described otherwise than due",
    ),
    "a huge axis": (
        lambda g: tensor(g, "up.bias", shape=[1 << 63]),
        "Q607",
        "tensor `up.bias` is described otherwise than due",
    ),
    "many axes": (
        lambda g: tensor(g, "up.bias", shape=[1] * 17),
        "Q607",
        "tensor `up.bias` is described otherwise than due",
    ),
    "no metadata": (
        lambda g: metadata_only(g, {}),
        "Q602",
        "this is no packed model",
    ),
    "a certificate with a quote": (
        lambda g: g.with_bytes(70, b'"'),
        "Q607",
        "the header is no JSON from character 311 on",
    ),
    # ---- offsets
    "overlap": (
        lambda g: tensor(g, "up.weight.scales", data_offsets=[0, 8]),
        "Q608",
        "tensor `up.weight.scales` of 8 bytes is said to be at 0..8, the one before ends at 8",
    ),
    "hole": (
        lambda g: tensor(g, "up.weight.scales", data_offsets=[12, 20]),
        "Q608",
        "tensor `up.weight.scales` of 8 bytes is said to be at 12..20, the one before ends at 8",
    ),
    "overflow": (
        lambda g: tensor(g, "up.bias", shape=[1 << 62, 1 << 62]),
        "Q608",
        f"tensor `up.bias` of {1 << 126} bytes is said to be at 0..8, the one before ends at 0",
    ),
    "a shape too large for its bytes": (
        lambda g: tensor(g, "up.bias", shape=[1 << 40]),
        "Q608",
        "tensor `up.bias` of 4398046511104 bytes is said to be at 0..8, the one before ends at 0",
    ),
    "a tensor beyond the file": (
        lambda g: tensor(
            g, "up.weight.index", shape=[2, 1 << 40], data_offsets=[20, 20 + (1 << 41)]
        ),
        "Q604",
        "the tensors take 2199023255572 bytes, 22 are there",
    ),
    # ---- the model
    "deep model": (
        lambda g: g.with_model("[" * 100_000 + "]" * 100_000),
        "Q609",
        "its model: nested deeper than 200",
    ),
    "a model that is no JSON": (
        lambda g: g.with_model("import os"),
        "Q609",
        "its model: no JSON from character 0 on",
    ),
    "10^9 repeats": (lambda g: blocks(g, 10**9), "Q609", "its model: more than 262144 modules"),
    "negative repeats": (lambda g: blocks(g, -1), "Q609", "its model: a count of -1"),
    "a module of itself": (
        lambda g: model(g, modules=[["Tiny", False, [], [["up", 0]]]]),
        "Q609",
        "its model: row 0 of a table of 0",
    ),
    "an absurd shape": (
        lambda g: parameter(g, [1 << 40, 1 << 40]),
        "Q609",
        "its model: parameter `weight` has an absurd shape",
    ),
    "10^9 storages": (
        lambda g: model(g, storages=[["Linear", 0, 0, True, ["x[0..999999999].weight"]]]),
        "Q609",
        "its model: more than 262144 storages",
    ),
    "a group of 0": (
        lambda g: format_of(g, grouping={"is": "PerGroup", "size": 0, "short_tail": True}),
        "Q609",
        "its model: `up.weight`: `group` is 0",
    ),
    "integers of 10^9 bits": (
        lambda g: format_of(
            g, grid={"is": "IntegerGrid", "bits": 10**9, "signed": True, "levels": "full"}
        ),
        "Q609",
        "its model: `up.weight`: integers of 1000000000 bits",
    ),
    "an unknown operation": (
        lambda g: step(g, op={"is": "Exec", "code": "1"}),
        "Q609",
        "its model: `Exec` may not stand here",
    ),
    "a value from nowhere": (
        lambda g: step(g, inputs=[7]),
        "Q609",
        "its model: `forward` uses value 7 before it is computed",
    ),
    "a parameter from nowhere": (
        lambda g: step(g, parameters=["secret"]),
        "Q609",
        "its model: `Linear` has no parameter `secret`",
    ),
    # ---- tensors that are not the model's
    "a tensor more": (
        lambda g: table(g, extra={"dtype": "U8", "shape": [0], "data_offsets": [22, 22]}),
        "Q610",
        "tensor `extra` is not as its model says",
    ),
    "another dtype of the same size": (
        lambda g: tensor(g, "up.bias", dtype="BF16", shape=[4]),
        "Q610",
        "tensor `up.bias` is not as its model says",
    ),
    "another shape": (
        lambda g: parameter(g, [2, 9]),
        "Q610",
        "tensor `up.weight.codes` is not as its model says",
    ),
    # ---- what the tensors hold
    "a code outside its grid": (
        lambda g: g.with_tensor("up.weight.codes", bytes([0b00000100, 0, 0, 0])),
        "Q611",
        "tensor `up.weight.codes` holds what no packer writes",
    ),
    "a position outside its group": (
        lambda g: g.with_tensor("up.weight.index", bytes([0b11_01_01_00, 0b01_00_10_00])),
        "Q611",
        "tensor `up.weight.index` holds what no packer writes",
    ),
    "positions that do not ascend": (
        lambda g: g.with_tensor("up.weight.index", bytes([0b10_01_00_01, 0b01_00_10_00])),
        "Q611",
        "tensor `up.weight.index` holds what no packer writes",
    ),
    "bits after the end of a row": (
        lambda g: g.with_tensor("up.weight.codes", bytes([1, 0x80, 1, 0])),
        "Q611",
        "tensor `up.weight.codes` holds what no packer writes",
    ),
    "a scale that is no number": (
        lambda g: g.with_tensor("up.weight.scales", b"\0\0\xc0\x7f" * 2),
        "Q611",
        "tensor `up.weight.scales` holds what no packer writes",
    ),
}

HELP = {
    "Q602": "a packed model is written by `qdsl compile` or `pack`",
    "Q603": "read it with the version of qdsl that wrote it, or a later one",
}


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "bad.qpack"


def refused(path):
    with pytest.raises(QdslError) as caught:
        read(path.relative_to(path.parent))
    return caught.value.diagnostics


def test_the_good_file_is_good(good, path):
    path.write_bytes(good.data)
    assert read(path).model.name == "Tiny"


@pytest.mark.parametrize("case", CASES)
def test_a_spoilt_file_is_refused(good, path, case):
    spoil, code, message = CASES[case]
    path.write_bytes(spoil(good).data)
    help = HELP.get(code, "pack it again, or copy it again from where it came")
    header = good.header_bytes - 8
    message = message.format(header=header, size=len(good.data))
    expected = f"error[{code}]: `bad.qpack`: {message}\n  = help: {help}\n"
    assert full(refused(path), color=False) == expected


def sampled(good, without=range(0)):
    """Offsets: all near both ends and of the tensors, every third between."""
    last = len(good.data)
    near = {*range(64), *range(0, last, 3), *range(good.header_bytes - 64, last)}
    return sorted(near - set(without))


def test_every_bit_counts(good, path):
    """A flipped bit is refused; the certificate alone is free."""
    free = range(63, 63 + 256)
    for offset in sampled(good, without=free):
        flipped = good.with_bytes(offset, bytes([good.data[offset] ^ (1 << offset % 8)]))
        path.write_bytes(flipped.data)
        refused(path)


def test_every_length_counts(good, path):
    """A file that was cut is refused."""
    for length in sampled(good):
        path.write_bytes(good.data[:length])
        refused(path)


@pytest.mark.parametrize(
    "case", ["largest length", "large length", "overflow", "10^9 repeats", "10^9 storages",
             "an absurd shape", "a tensor beyond the file"]
)  # fmt: skip
def test_a_claim_allocates_nothing(good, path, case):
    path.write_bytes(CASES[case][0](good).data)
    refused(path)  # imports and caches
    tracemalloc.start()
    refused(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < BOMB


def test_a_file_that_is_not_there(path):
    message = "error[Q601]: `bad.qpack`: cannot be read: no such file or directory\n"
    assert full(refused(path), color=False) == message


def test_a_folder(path):
    path.mkdir()
    message = "error[Q601]: `bad.qpack`: cannot be read: is a directory\n"
    assert full(refused(path), color=False) == message


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(good, path):
    path.write_bytes(good.data)
    path.chmod(0)
    assert refused(path)[0].code == "Q601"


def test_each_code_has_its_page():
    codes = [f"Q6{i:02}" for i in range(1, 13)]
    assert all(name(code) for code in codes)
    assert {code for _, code, _ in CASES.values()} == set(codes) - {"Q601", "Q612"}
