"""Trains recognizers of speech: transducers, and models with the connectionist loss."""

from typing import Any

from qdsl.train.task import Request, Task, TaskKind


def _open(request: Request) -> Task[Any, Any]:
    from qdsl.tasks.asr.training import open_task

    return open_task(request)


TASK = TaskKind(_open)
