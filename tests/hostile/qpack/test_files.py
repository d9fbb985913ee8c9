"""Files spoilt anywhere, files that are not there, and claims that must cost nothing."""

import os
import tracemalloc

import pytest

from qdsl.artifact.container import read
from qdsl.diagnostic.codes import name
from qdsl.diagnostic.model import QdslError
from qdsl.diagnostic.render.full import full

BOMB = 200 * 1024  # bytes that refusing a small file may take


def refused(path):
    with pytest.raises(QdslError) as caught:
        read(path)
    return caught.value.diagnostics


def test_the_good_file_is_good(good, bad):
    bad.write_bytes(good.data)
    assert read(bad).model.name == "Tiny"


def sampled(good):
    """Offsets: all near both ends and of the tensors, every third between."""
    last = len(good.data)
    near = {*range(64), *range(0, last, 3), *range(good.header_bytes - 64, last)}
    return sorted(near)


def test_every_bit_counts(good, bad):
    """A flipped bit is refused, in a blank certificate too."""
    for offset in sampled(good):
        flipped = good.with_bytes(offset, bytes([good.data[offset] ^ (1 << offset % 8)]))
        bad.write_bytes(flipped.data)
        refused(bad)


def test_every_length_counts(good, bad):
    """A file that was cut is refused."""
    for length in sampled(good):
        bad.write_bytes(good.data[:length])
        refused(bad)


CLAIMS = {
    "a header of 2^64": lambda g: g.with_bytes(0, b"\xff" * 8),
    "a header of 16 MiB": lambda g: g.with_bytes(0, (1 << 24).to_bytes(8, "little")),
    "2^124 elements": lambda g: g.with_entry("up.bias", shape=[1 << 62, 1 << 62]),
    "2^41 bytes": lambda g: g.with_entry(
        "up.weight.index", shape=[2, 1 << 40], data_offsets=[20, 20 + (1 << 41)]
    ),
    "2^80 weights": lambda g: g.with_part(
        "parameters", [["weight", [1 << 40, 1 << 40], "weight", "zeros", 1]]
    ),
    "10^9 storages": lambda g: g.with_part(
        "storages", [["Linear", 0, 0, True, ["x[0..999999999].weight"]]]
    ),
    "10^9 modules": lambda g: g.with_part(
        "modules", [["Linear", True, [], []], ["Tiny", False, [], [["up", [[0, 10**9]]]]]]
    ),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_claim_allocates_nothing(good, bad, claim):
    bad.write_bytes(CLAIMS[claim](good).data)
    refused(bad)  # imports and caches
    tracemalloc.start()
    refused(bad)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < BOMB


def test_a_file_that_is_not_there(bad):
    message = "error[Q601]: `bad.qpack`: cannot be read: no such file or directory\n"
    assert full(refused(bad), color=False) == message


def test_a_folder(bad):
    bad.mkdir()
    message = "error[Q601]: `bad.qpack`: cannot be read: is a directory\n"
    assert full(refused(bad), color=False) == message


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(good, bad):
    bad.write_bytes(good.data)
    bad.chmod(0)
    assert refused(bad)[0].code == "Q601"


def test_each_code_has_its_page():
    assert all(name(f"Q6{i:02}") for i in range(1, 13))
