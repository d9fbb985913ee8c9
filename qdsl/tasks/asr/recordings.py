"""Finds the Free Spoken Digit Dataset on this machine and proves that it is the pinned one.

Free Spoken Digit Dataset, Zohar Jackson and contributors, CC BY-SA 4.0,
https://github.com/Jakobovski/free-spoken-digit-dataset. Five of its speakers are used: those
with recordings of one kind, trimmed, 50 of each digit.
"""

import hashlib
import os
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from qdsl.diagnostic.model import QdslError, error
from qdsl.tasks.asr.download import COMMIT, URL, cache_folder, download
from qdsl.tasks.asr.features import Samples

SAMPLE_RATE = 8000
TRAINING_SPEAKERS = ("george", "jackson", "nicolas", "yweweler")
HELD_OUT_SPEAKER = "theo"
SPEAKERS = (*TRAINING_SPEAKERS, HELD_OUT_SPEAKER)
TAKES = 50

CHECKSUM = "11110d6e58039066ecf4dc9ce1757ef101ff489d0a87a6525fac1d8eab60cd89"
PROJECT = Path(__file__).resolve().parents[3]


class RecordingsMissing(QdslError):
    """No recordings, or other ones than the pinned (Q720): the user's to settle, as help says."""

    def __init__(self, message: str, *, help: str) -> None:
        super().__init__([error("Q720", message, help=help)])


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One spoken digit: f32[N] at 8 kHz, brought to a root mean square of 1."""

    digit: int
    samples: Samples


@dataclass(frozen=True, slots=True)
class Recordings:
    """All clips of each speaker, ordered by digit and take, and the folder they came from."""

    folder: Path
    clips: Mapping[str, tuple[Clip, ...]]


def find_recordings(
    path: Path | None = None, *, fetch: Callable[[Path], None] = download
) -> Recordings:
    """The recordings at `path`, else $QDSL_DATA, else beside the project, else downloaded.

    A folder counts when it or its `recordings` folder holds the files. One that was named but
    does not hold them is an error, never passed over for another. Raises RecordingsMissing.
    """
    named = path or (Path(os.environ["QDSL_DATA"]) if os.environ.get("QDSL_DATA") else None)
    if named is not None:
        return _read(_folder(named))
    for place in (PROJECT.parent / "shared" / "data" / "fsdd", cache_folder()):
        if place.is_dir():
            return _read(_folder(place))
    return _read(_folder(_fetched(fetch)))


def checksum(folder: Path) -> str:
    """SHA-256 over `name NUL sha256(content) newline` of the files used, sorted by name.

    Raises RecordingsMissing naming the first file that is absent or unreadable.
    """
    total = hashlib.sha256()
    for name in sorted(_name(s, d, t) for s in SPEAKERS for d in range(10) for t in range(TAKES)):
        try:
            content = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        except FileNotFoundError as failure:
            message = f"`{folder}` has no recording `{name}`"
            raise RecordingsMissing(message, help=_HELP) from failure
        except OSError as failure:
            message = f"cannot read the recording `{folder / name}`"
            raise RecordingsMissing(message, help=_HELP) from failure
        total.update(f"{name}\0{content}\n".encode())
    return total.hexdigest()


_HELP = (
    "get the Free Spoken Digit Dataset and name its folder with `--data` or QDSL_DATA: "
    f"git clone {URL.split('/archive/')[0]} && git checkout {COMMIT}; "
    "a corpus of your own is a folder with `train.jsonl`"
)


def _name(speaker: str, digit: int, take: int) -> str:
    return f"{digit}_{speaker}_{take}.wav"


def _folder(path: Path) -> Path:
    inner = path / "recordings"
    folder = inner if inner.is_dir() else path
    if not folder.is_dir():
        raise RecordingsMissing(f"there is no folder `{path}` with recordings", help=_HELP)
    return folder


def _fetched(fetch: Callable[[Path], None]) -> Path:
    target = cache_folder()
    try:
        fetch(target)
    except (OSError, tarfile.TarError) as failure:
        raise RecordingsMissing(
            f"no recordings found, and they could not be downloaded: {failure}", help=_HELP
        ) from failure
    return target


def _read(folder: Path) -> Recordings:
    found = checksum(folder)
    if found != CHECKSUM:
        raise RecordingsMissing(
            f"the recordings in `{folder}` are not those of commit {COMMIT[:7]}: "
            f"checksum {found[:12]}, not {CHECKSUM[:12]}",
            help=_HELP,
        )
    clips = {
        speaker: tuple(
            Clip(digit, _samples(folder / _name(speaker, digit, take)))
            for digit in range(10)
            for take in range(TAKES)
        )
        for speaker in SPEAKERS
    }
    return Recordings(folder, clips)


def _samples(path: Path) -> Samples:
    samples, rate = soundfile.read(path, dtype="float32")
    assert rate == SAMPLE_RATE, "the checksum admits no other rate"
    return levelled(samples)


def levelled(samples: Samples) -> Samples:
    """Brings samples f32[N] to a root mean square of 1: speakers differ by a factor of 8."""
    power = np.mean(np.square(samples, dtype=np.float64))
    level: Samples = (samples / np.sqrt(power)).astype(np.float32)
    return level
