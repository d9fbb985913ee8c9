"""Reads a corpus of one's own: manifests of recordings with their texts, and the tokens.

The folder holds `tokens.txt`, a token a line, the first of them the blank's name, and
`train.jsonl` and `test.jsonl`, a line `{"audio": "a.wav", "text": "what is said"}` for each
utterance; paths are from the folder. All recordings are of one sample rate.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import soundfile

from qdsl.diagnostic.model import Diagnostic, QdslError, error
from qdsl.source import Source, Span
from qdsl.tasks.asr.features import Samples, frame_count
from qdsl.tasks.asr.recordings import levelled
from qdsl.tasks.asr.tokens import Vocabulary

TRAIN, TEST, TOKENS = "train.jsonl", "test.jsonl", "tokens.txt"
SHOWN = 20
"""Findings that are reported of one corpus; more would say no more."""


@dataclass(frozen=True, slots=True)
class Item:
    """One utterance: where its recording is, what is said in it, and the line that says so."""

    audio: Path
    ids: tuple[int, ...]
    seconds: float
    frames: int
    place: Span

    def samples(self) -> Samples:
        """f32[N] with a root mean square of 1, channels averaged; raises QdslError (Q734)."""
        try:
            found, _ = soundfile.read(self.audio, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, OSError) as failure:
            raise QdslError([_unreadable(self.audio, DAMAGED, self.place)]) from failure
        samples: Samples = found.mean(1)
        if not len(samples) or not samples.any():
            raise QdslError([_unreadable(self.audio, "it is silent", self.place)])
        return levelled(samples)


@dataclass(frozen=True)
class Manifest:
    """The corpus in a folder; made by `read_corpus`."""

    folder: Path
    vocabulary: Vocabulary
    sample_rate: int
    train: tuple[Item, ...]
    test: tuple[Item, ...]


def read_corpus(folder: Path, *, frame_seconds: float) -> Manifest:
    """Reads the three files and the header of every recording.

    Raises QdslError with all findings: Q731 for a file that is missing or empty, Q732 for a line
    that is no utterance, Q733 for a text of other tokens, Q734 for a recording that is missing,
    damaged, of another sample rate or shorter than `frame_seconds`.
    """
    vocabulary = _vocabulary(folder / TOKENS)
    reader = _Reader(folder, vocabulary, frame_seconds)
    items = []
    found: list[Diagnostic] = []
    for name in (TRAIN, TEST):
        read = [reader.item(line) for line in _lines(folder / name)]
        items.append(tuple(item for item in read if isinstance(item, Item)))
        found += [item for item in read if isinstance(item, Diagnostic)]
    if found:
        raise QdslError(found[:SHOWN])
    return Manifest(folder, vocabulary, reader.rate or 0, *items)


def corpus_files(folder: Path) -> Iterator[Path]:
    """The three files and the recordings that they list, those that are there."""
    yield from (path for name in (TOKENS, TRAIN, TEST) if (path := folder / name).is_file())
    for name in (TRAIN, TEST):
        if (folder / name).is_file():
            given = (_parsed(line.text) for line in _lines(folder / name))
            paths = (folder / one[0] for one in given if not isinstance(one, str))
            yield from (path for path in paths if path.is_file())


@dataclass
class _Reader:
    """Reads lines; the rate is that of the first recording."""

    folder: Path
    vocabulary: Vocabulary
    frame_seconds: float
    rate: int | None = None

    @cached_property
    def _unit(self) -> str:
        return "character" if self.vocabulary.characters else "word"

    def item(self, line: Span) -> Item | Diagnostic:
        given = _parsed(line.text)
        if isinstance(given, str):
            return error("Q732", f"this line is no utterance: {given}", line, help=_LINE)
        audio, text = given
        known = self.vocabulary.ids
        if unknown := [p for p in self.vocabulary.split(text) if p not in known]:
            message = f"the {self._unit} `{unknown[0]}` is not in `{TOKENS}`"
            help = f"add it to `{self.folder / TOKENS}`, or write the text with its tokens"
            return error("Q733", message, line, help=help)
        path = self.folder / audio
        size = self._size(path)
        if isinstance(size, str):
            return _unreadable(path, size, line)
        return Item(path, self.vocabulary.encode(text), *size, line)

    def _size(self, path: Path) -> tuple[float, int] | str:
        """Seconds and frames of the recording, or what is wrong with it."""
        if not path.is_file():
            return "there is no such file"
        try:
            info = soundfile.info(path)
        except (soundfile.LibsndfileError, OSError):
            return DAMAGED
        self.rate = self.rate or info.samplerate
        if info.samplerate != self.rate:
            return f"it has {info.samplerate} samples a second, those before it {self.rate}"
        frames = frame_count(info.frames, info.samplerate, self.frame_seconds)
        return (info.frames / info.samplerate, frames) if frames else "it is shorter than a frame"


DAMAGED = "it is damaged, or of a format that libsndfile does not read"
_LINE = 'write `{"audio": "a.wav", "text": "what is said"}`'


def _parsed(line: str) -> tuple[str, str] | str:
    """Path and text of a line, or what is wrong with it."""
    try:
        given = json.loads(line)
    except (ValueError, RecursionError):
        return "it is not JSON"
    if not isinstance(given, dict):
        return "it is not an object"
    for key in ("audio", "text"):
        if not isinstance(given.get(key), str):
            return f"it has no `{key}` that is a text"
        if not given[key].strip():
            return f"its `{key}` is empty"
    return given["audio"], given["text"]


def _unreadable(path: Path, why: str, place: Span) -> Diagnostic:
    help = "record or convert it anew, or leave the line out"
    return error("Q734", f"cannot use the recording `{path}`: {why}", place, help=help)


def _vocabulary(path: Path) -> Vocabulary:
    pieces = tuple(line.text.strip() for line in _lines(path))
    twice = [piece for piece, times in Counter(pieces).items() if times > 1]
    if len(pieces) < 2 or twice:
        what = f"`{twice[0]}` stands in it twice" if twice else "it has no token but the blank"
        help = "write a token a line, the first the name of the blank: `<blank>`"
        raise QdslError([error("Q731", f"`{path}` is no list of tokens: {what}", help=help)])
    return Vocabulary(pieces)


def _lines(path: Path) -> Iterator[Span]:
    """The lines that are not blank, each at its place; raises QdslError (Q731)."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        why = "is no text" if isinstance(failure, UnicodeDecodeError) else "cannot be read"
        raise QdslError([error("Q731", f"`{path}` {why}", help=_FOLDER)]) from failure
    source = Source(str(path), text)
    bounds = [*source.line_starts, len(text) + 1]
    lines = [
        Span(source, start, start + len(source.line(number)))
        for number, start in enumerate(bounds[:-1], 1)
    ]
    found = [line for line in lines if line.text.strip()]
    if not found:
        raise QdslError([error("Q731", f"`{path}` is empty", help=_FOLDER)])
    return iter(found)


_FOLDER = f"a corpus is a folder with `{TRAIN}`, `{TEST}` and `{TOKENS}`"
