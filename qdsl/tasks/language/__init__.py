"""Trains language models over the bytes of text files."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from qdsl.train.task import Request, Task, TaskKind


def _open(request: Request) -> Task[Any, Any]:
    from qdsl.tasks.language.training import open_task

    return open_task(request)


def _files(data: Path, options: Mapping[str, str]) -> Iterable[Path]:
    from qdsl.tasks.language.text import suffixes_of, text_files

    return text_files(data, suffixes_of(options))


TASK = TaskKind(_open, _files, {"suffix": "ending of the files that are read; else .txt and .md"})
