"""Shows how far a training is, on a terminal only."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qdsl.recipes.model import Stage

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID


class Progress:
    """A bar for each stage, on stderr; nothing where that is no terminal, or `quiet`."""

    def __init__(self, stages: Sequence[Stage], *, quiet: bool = False) -> None:
        self.last: tuple[str, int] | None = None
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        if not quiet and sys.stderr.isatty():
            self._draw(stages)

    def step(self, stage: Stage, step: int, loss: float) -> None:
        """Of a stage, `step` steps are done."""
        self.last = stage.name, step
        if self._bars is None:
            return
        for name, task in self._tasks.items():
            if name == stage.name:
                self._bars.update(task, completed=step, note=f"loss {loss:.4g}")
                return
            self._bars.update(task, completed=self._bars.tasks[task].total)  # some time before

    def close(self) -> None:
        if self._bars is not None:
            self._bars.stop()

    def _draw(self, stages: Sequence[Stage]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total}"),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
        )
        self._tasks = {s.name: self._bars.add_task(s.name, total=s.steps, note="") for s in stages}
        self._bars.start()
