"""Trains language models over the bytes of text files."""

from typing import Any

from qdsl.train.task import Request, Task, TaskKind


def _open(request: Request) -> Task[Any, Any]:
    from qdsl.tasks.language.training import open_task

    return open_task(request)


TASK = TaskKind(_open, {"suffix": "ending of the files that are read; else .txt and .md"})
