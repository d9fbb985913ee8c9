"""Trains recognizers of speech: transducers, and models with the connectionist loss."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from qdsl.train.task import Request, Task, TaskKind


def _open(request: Request) -> Task[Any, Any]:
    from qdsl.tasks.asr.training import open_task

    return open_task(request)


def _files(data: Path, options: Mapping[str, str]) -> Iterable[Path]:
    from qdsl.tasks.asr.manifest import TRAIN, corpus_files

    # the recordings of digits are proven to be always the same ones
    return corpus_files(data) if (data / TRAIN).is_file() else ()


TASK = TaskKind(_open, _files)
