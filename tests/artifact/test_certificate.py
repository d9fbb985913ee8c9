"""A certificate has one form, is of one file, and leaves the rest of that file alone."""

from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qdsl.artifact.certificate import Certificate, read_certificate
from qdsl.artifact.container import read, seal, write
from qdsl.artifact.header import CERTIFICATE, CERTIFICATE_BYTES
from qdsl.diagnostic.model import QdslError

DIGITS = "0123456789abcdef"
FULL = Certificate("cpu", "avx512vnni", 12, 12, 9, 12, 0.25, 4, 4, DIGITS, DIGITS)
LINE = (
    "qdsl-verify/1 backend=cpu/avx512vnni layers=12 codes=12 equal=9 bound=12 worst=0.2500 "
    f"entries=4/4 inputs={DIGITS} file={DIGITS} sum=ab2218e5"
)


def summed(line: str) -> str:
    """The line with the sum that belongs to it."""
    told = line.rpartition(" sum=")[0]
    return f"{told} sum={sha256(told.encode()).hexdigest()[:8]}"


word = st.text(st.sampled_from("abcz09_.-"), min_size=1, max_size=32)
digest = st.text(st.sampled_from(DIGITS), min_size=16, max_size=16)


@st.composite
def certificates(draw: st.DrawFn) -> Certificate:
    layers, entries = draw(st.integers(0, 10**9 - 1)), draw(st.integers(0, 10**6 - 1))
    codes, equal, bound = (draw(st.integers(0, layers)) for _ in range(3))
    worst = draw(st.integers(0, 10**4)) / 10**4
    rest = (draw(st.integers(0, entries)), entries, draw(digest), draw(digest))
    return Certificate(draw(word), draw(word), layers, codes, equal, bound, worst, *rest)


@given(certificates())
def test_any_certificate_fits_and_reads_back(certificate: Certificate) -> None:
    line = str(certificate)
    assert len(line) <= CERTIFICATE_BYTES
    assert line.isascii()
    assert read_certificate(line) == certificate


def test_the_line() -> None:
    assert str(FULL) == LINE


@pytest.mark.parametrize(
    "line",
    [
        "verified by nobody",
        LINE + " ",
        summed(LINE.replace(" codes", "  codes")),
        summed(LINE.replace("verify/1", "verify/2")),
        summed(LINE.replace("layers=12", "layers=012")),
        summed(LINE.replace("codes=12", "codes=13")),
        summed(LINE.replace("entries=4/4", "entries=5/4")),
        summed(LINE.replace("worst=0.2500", "worst=-0.2500")),
        summed(LINE.replace("file=0", "file=G")),
        LINE.replace("equal=9", "equal=8"),
        LINE[: LINE.rindex(" sum=")],
    ],
)
def test_no_other_line_is_read(line: str) -> None:
    with pytest.raises(ValueError, match="certificate"):
        read_certificate(line)


@pytest.fixture
def packed(small_model, tensors_of, tmp_path):
    path = tmp_path / "a.qpack"
    write(path, small_model, tensors_of(small_model, 0).__getitem__)
    return path


def test_a_seal_changes_the_certificate_alone(packed):
    before = packed.read_bytes()
    certificate = replace(FULL, file=read(packed).fingerprint)
    seal(packed, certificate)
    after = packed.read_bytes()
    assert (before[: CERTIFICATE.start], before[CERTIFICATE.stop :]) == (
        after[: CERTIFICATE.start],
        after[CERTIFICATE.stop :],
    )
    assert after[CERTIFICATE].decode().rstrip() == str(certificate)
    assert read(packed).certificate == certificate
    seal(packed, None)
    assert packed.read_bytes() == before


def test_the_certificate_of_another_file_is_not_taken(packed):
    before = packed.read_bytes()
    with pytest.raises(QdslError, match="Q606"):
        seal(packed, FULL)
    assert packed.read_bytes() == before
    assert [p.name for p in packed.parent.iterdir()] == [packed.name]


@pytest.mark.parametrize(
    ("line", "code"), [(LINE, "Q606"), ("verified by nobody", "Q607"), (LINE[:-1], "Q607")]
)
def test_a_file_with_a_wrong_certificate_is_refused(packed, line, code):
    data = bytearray(packed.read_bytes())
    data[CERTIFICATE] = line.ljust(CERTIFICATE_BYTES).encode()
    packed.write_bytes(data)
    with pytest.raises(QdslError, match=code):
        read(packed)


def test_a_seal_that_fails_leaves_the_old_file(packed, monkeypatch):
    certificate, before = replace(FULL, file=read(packed).fingerprint), packed.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(QdslError, match="Q612"):
        seal(packed, certificate)
    assert packed.read_bytes() == before
    assert [p.name for p in packed.parent.iterdir()] == [packed.name]
