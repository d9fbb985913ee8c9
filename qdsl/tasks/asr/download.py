"""Fetches the Free Spoken Digit Dataset from its public repository, at one commit."""

import io
import os
import shutil
import tarfile
import tempfile
import urllib.request
from pathlib import Path, PurePosixPath

COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
URL = f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/{COMMIT}.tar.gz"
TIMEOUT_SECONDS = 60.0


def cache_folder() -> Path:
    """Where a download is kept between runs: outside the project, so that it is never committed."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "qdsl" / f"fsdd-{COMMIT[:7]}"


def download(target: Path, *, url: str = URL) -> None:
    """Puts the recordings of the archive at `url` under `target`/recordings, all or nothing.

    Only plain `recordings/*.wav` members are written, each under its bare name. Raises OSError
    when the archive cannot be fetched or written, tarfile.TarError when it is none.
    """
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:
        archive = io.BytesIO(response.read())
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        recordings = Path(scratch) / "fsdd" / "recordings"
        recordings.mkdir(parents=True)
        _unpack(archive, recordings)
        shutil.rmtree(target, ignore_errors=True)
        recordings.parent.rename(target)


def _unpack(archive: io.BytesIO, folder: Path) -> None:
    with tarfile.open(fileobj=archive, mode="r:gz") as tar:
        for member in tar:
            path = PurePosixPath(member.name)
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None and path.parent.name == "recordings" and path.suffix == ".wav":
                (folder / path.name).write_bytes(content.read())
