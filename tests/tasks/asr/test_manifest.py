"""Reads corpora: tokens of both kinds, and batches of about equal lengths."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import soundfile

from qdsl.diagnostic.model import QdslError
from qdsl.tasks.asr.buckets import Buckets
from qdsl.tasks.asr.manifest import SHOWN, corpus_files, read_corpus
from qdsl.tasks.asr.tokens import DIGITS, Vocabulary
from qdsl.train.fingerprint import fingerprint

CHARACTERS = Vocabulary(("<blank>", "<space>", "a", "b"))


def test_a_corpus_is_read(corpus: Path) -> None:
    found = read_corpus(corpus, frame_seconds=0.01)
    assert (len(found.train), len(found.test), found.sample_rate) == (40, 12, 4000)
    assert found.vocabulary.pieces == ("<blank>", "low", "mid", "high")
    first = found.train[0]
    assert {1, 2, 3} >= set(first.ids)
    samples = first.samples()
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(1.0, abs=1e-4)
    assert len(samples) == round(first.seconds * 4000)


# ---- tokens ------------------------------------------------------------------------------------


def test_words() -> None:
    assert not DIGITS.characters
    assert DIGITS.encode(" two  zero ") == (3, 1)
    assert DIGITS.text((3, 1)) == "two zero"


def test_characters() -> None:
    assert CHARACTERS.characters
    assert CHARACTERS.encode(" ab  a ") == (2, 3, 1, 2)
    assert CHARACTERS.text((2, 3, 1, 1, 2, 1)) == "ab a"


@pytest.mark.parametrize("unknown", ["<blank>", "c"])
def test_what_is_no_token(unknown: str) -> None:
    with pytest.raises(KeyError):
        Vocabulary(("<blank>", "a", "long")).encode(f"a {unknown}")
    with pytest.raises(ValueError, match="outside"):
        CHARACTERS.text([0])


# ---- what is wrong -----------------------------------------------------------------------------


def write(folder: Path, **texts: str) -> None:
    soundfile.write(folder / "a.wav", np.ones(800) / 2, 8000)
    soundfile.write(folder / "silent.wav", np.zeros(800), 8000)
    line = '{"audio": "a.wav", "text": "a"}'
    for name, text in ({"train": line, "test": line, "tokens": "-\na"} | texts).items():
        suffix = "txt" if name == "tokens" else "jsonl"
        (folder / f"{name}.{suffix}").write_text(text)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"tokens": "-"}, "no token but the blank"),
        ({"tokens": "-\na\nb\na"}, "`a` stands in it twice"),
        ({"tokens": ""}, "tokens.txt` is empty"),
        ({"test": "\n\n"}, "test.jsonl` is empty"),
    ],
)
def test_files_that_hold_nothing(tmp_path: Path, texts: dict[str, str], message: str) -> None:
    write(tmp_path, **texts)
    with pytest.raises(QdslError, match=message):
        read_corpus(tmp_path, frame_seconds=0.01)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "test.jsonl").unlink()
    with pytest.raises(QdslError, match=r"Q731\] `.*test.jsonl` cannot be read"):
        read_corpus(tmp_path, frame_seconds=0.01)


def test_findings_of_both_manifests_are_reported_but_not_without_end(tmp_path: Path) -> None:
    write(tmp_path, train="x\n" * 3, test="\n".join(["y"] * 50))
    with pytest.raises(QdslError) as raised:
        read_corpus(tmp_path, frame_seconds=0.01)
    assert len(raised.value.diagnostics) == SHOWN
    places = {d.primary.span.source.name for d in raised.value.diagnostics if d.primary}
    assert places == {str(tmp_path / "train.jsonl"), str(tmp_path / "test.jsonl")}


@pytest.mark.parametrize("spoil", ["silent", "changed"])
def test_what_a_header_does_not_tell_is_found_when_it_is_heard(tmp_path: Path, spoil: str) -> None:
    write(tmp_path, train='\n{"audio": "silent.wav", "text": "a"}')
    item = read_corpus(tmp_path, frame_seconds=0.01).train[0]
    if spoil == "changed":
        item.audio.write_bytes(b"nothing")
    with pytest.raises(QdslError, match=r"train.jsonl:2:1.*Q734"):
        item.samples()


# ---- buckets -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "size"), [(23, 5), (20, 5), (3, 5), (1, 1)])
def test_an_epoch_has_every_utterance(count: int, size: int) -> None:
    buckets = Buckets(np.random.default_rng(0).uniform(1, 9, count).tolist(), size, seed=0)
    number = -(-count // size)
    for epoch in range(3):
        batches = [buckets.batch(epoch * number + n) for n in range(number)]
        assert {i for batch in batches for i in batch} == set(range(count))
        assert {len(batch) for batch in batches} == {min(size, count)}
        assert all(len(set(batch)) == len(batch) for batch in batches)


def test_a_batch_is_of_one_length_and_of_its_number_alone() -> None:
    lengths = np.random.default_rng(0).uniform(1, 9, 200).tolist()
    one, other = Buckets(lengths, 10, seed=0), Buckets(lengths, 10, seed=0)
    order = [27, 3, 55, 4, 27]
    assert [one.batch(n) for n in order] == [other.batch(n) for n in reversed(order)][::-1]
    spread = [np.ptp([lengths[i] for i in one.batch(n)]) for n in range(20)]
    assert np.mean(spread) < 3  # of 8 in all
    assert sorted(one.batch(0)) != sorted(one.batch(20))
    assert list(islice(map(Buckets(lengths, 10, seed=1).batch, range(3)), 3)) != [
        one.batch(n) for n in range(3)
    ]


def test_a_corpus_is_known_again_by_what_it_holds(corpus: Path) -> None:
    paths = list(corpus_files(corpus))
    assert {path.suffix for path in paths} >= {".txt", ".jsonl", ".wav"}
    before = fingerprint(paths)
    (corpus / "beside.wav").write_bytes(b"read by nobody")
    assert fingerprint(corpus_files(corpus)) == before
    content = bytearray(paths[-1].read_bytes())
    content[100] ^= 1
    paths[-1].write_bytes(content)
    assert fingerprint(corpus_files(corpus)) != before
