"""Spoilt containers: cut, foreign, altered, their header or offsets wrong; each is refused."""

import pytest


def reordered(good):
    """The metadata that have no fixed place, backwards."""
    found = good.table["__metadata__"]
    first = {k: found.pop(k) for k in list(found)[:4]}
    return metadata_only(good, {**first, **dict(reversed(found.items()))})


def metadata_only(good, found):
    return good.with_table({**good.table, "__metadata__": found})


def nested(good, depth):
    return good.with_text(open_text(good) + ',"x":' + "[" * depth + "]" * depth + "}")


def twice(good):
    return good.with_text(open_text(good) + ',"up.bias":{}}')


def open_text(good):
    """The header's text without its last bracket."""
    return good.data[8 : good.header_bytes].decode().rstrip(" ")[:-1]


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
        lambda g: g.with_metadata(**{"qdsl:model_sha256": "0" * 64}),
        "Q606",
        "`qdsl:model` is not as it was written",
    ),
    "other choices": (
        lambda g: g.with_metadata(**{"qdsl:choices": '{"up.weight":"int2"}'}),
        "Q606",
        "`qdsl:choices` is not as it was written",
    ),
    # ---- the header's JSON
    "no JSON": (
        lambda g: g.with_text(open_text(g)),
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
        lambda g: g.with_metadata(**{"qdsl:model": ["x"]}),
        "Q607",
        "metadata `qdsl:model` is no text",
    ),
    "unknown metadata": (
        lambda g: g.with_metadata(run="rm -rf"),
        "Q607",
        "the header is not the one that its model gives",
    ),
    "metadata in another order": (
        reordered,
        "Q607",
        "the header is not the one that its model gives",
    ),
    "an unknown key of a tensor": (
        lambda g: g.with_entry("up.bias", pickle="gASV"),
        "Q607",
        "tensor `up.bias` is described otherwise than due",
    ),
    "an unknown dtype": (
        lambda g: g.with_entry("up.bias", dtype="F64"),
        "Q607",
        "tensor `up.bias` is described otherwise than due",
    ),
    "a negative offset": (
        lambda g: g.with_entry("up.bias", data_offsets=[-8, 0]),
        "Q607",
        "tensor `up.bias` is described otherwise than due",
    ),
    "a huge axis": (
        lambda g: g.with_entry("up.bias", shape=[1 << 63]),
        "Q607",
        "tensor `up.bias` is described otherwise than due",
    ),
    "many axes": (
        lambda g: g.with_entry("up.bias", shape=[1] * 17),
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
        lambda g: g.with_entry("up.weight.scales", data_offsets=[0, 8]),
        "Q608",
        "tensor `up.weight.scales` of 8 bytes is said to be at 0..8, the one before ends at 8",
    ),
    "hole": (
        lambda g: g.with_entry("up.weight.scales", data_offsets=[12, 20]),
        "Q608",
        "tensor `up.weight.scales` of 8 bytes is said to be at 12..20, the one before ends at 8",
    ),
    "overflow": (
        lambda g: g.with_entry("up.bias", shape=[1 << 62, 1 << 62]),
        "Q608",
        f"tensor `up.bias` of {1 << 126} bytes is said to be at 0..8, the one before ends at 0",
    ),
    "a shape too large for its bytes": (
        lambda g: g.with_entry("up.bias", shape=[1 << 40]),
        "Q608",
        "tensor `up.bias` of 4398046511104 bytes is said to be at 0..8, the one before ends at 0",
    ),
    "a tensor beyond the file": (
        lambda g: g.with_entry(
            "up.weight.index", shape=[2, 1 << 40], data_offsets=[20, 20 + (1 << 41)]
        ),
        "Q604",
        "the tensors take 2199023255572 bytes, 22 are there",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_spoilt_container_is_refused(good, assert_refused, case):
    spoil, code, message = CASES[case]
    header = good.header_bytes - 8
    message = message.format(header=header, size=len(good.data))
    assert_refused(spoil(good), code, message)
