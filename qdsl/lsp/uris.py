"""Turns URIs of editors into paths, and back."""

from pathlib import Path

from pygls.uris import from_fs_path, to_fs_path

from qdsl.sema.files import real_path


def path_of(uri: str) -> Path:
    """The path of a `file:` URI with links resolved; other schemes get a path that is not there."""
    path = to_fs_path(uri)
    return real_path(Path(path)) if path else Path("/nowhere") / uri.rpartition("/")[2]


def uri_of(path: Path) -> str:
    """The URI of a path."""
    return from_fs_path(str(path)) or path.as_uri()
