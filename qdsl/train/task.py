"""Defines what a task offers to training: batches, outputs of a model, losses, an evaluation."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from qdsl.record import record

if TYPE_CHECKING:
    from torch import Tensor

    from qdsl.fx.program import Program
    from qdsl.ir.model import Model
    from qdsl.recipes.loss import Loss
    from qdsl.recipes.task import Task as RecipeTask

T = TypeVar("T")
BatchT = TypeVar("BatchT")
OutputsT = TypeVar("OutputsT")


@dataclass(frozen=True, slots=True)
class Share:
    """What process `rank` of `count` takes of each batch."""

    rank: int = 0
    count: int = 1

    def of(self, examples: Sequence[T]) -> Sequence[T]:
        """Every `count`-th of the examples of a whole batch."""
        return examples[self.rank :: self.count]


@dataclass(frozen=True, slots=True)
class Request:
    """What a task is opened with, once for each stage.

    `task` is what the recipe says, its loss that of the stage; `batch` the examples of a step over
    all processes, None for the task's own number; `options` are those of the command line.
    """

    task: "RecipeTask"
    model: "Model"
    data: Path
    options: Mapping[str, str] = field(default_factory=dict)
    batch: int | None = None
    seed: int = 0
    share: Share = Share()


class Task(Protocol[BatchT, OutputsT]):
    """A task over its data. Models are programs: the student in training, teachers, float or QAT.

    Batches are tensors, or dataclasses, tuples, lists and mappings of them, on the processor; the
    training moves them. Losses are f32[] means over a batch such that the mean over all processes
    is the loss of the whole batch: a sum over the share, times `share.count`, by the whole's count.
    """

    def batches(self, start: int) -> Iterator[BatchT]:
        """This process's share of batch `start` and those behind, without end.

        Batch n is a function of the request and n alone.
        """
        ...

    def forward(self, model: "Program", batch: BatchT) -> OutputsT:
        """What the losses need of the model's entries."""
        ...

    def loss(self, model: "Program", outputs: OutputsT, batch: BatchT, loss: "Loss") -> "Tensor":
        """f32[], to be made small."""
        ...

    def distillation(
        self,
        model: "Program",
        teacher: "Program",
        outputs: OutputsT,
        teacher_outputs: OutputsT,
        batch: BatchT,
        temperature: float,
    ) -> "Tensor":
        """f32[], 0 where the student gives what the teacher gives; only the student is trained."""
        ...

    def evaluate(self, model: "Program") -> Mapping[str, float]:
        """Figures on data that is not trained on, in the order to show them."""
        ...


@record
class TaskKind:
    """What a package of `qdsl.tasks` holds, by the name of the task in a recipe.

    `open` imports what it needs when it runs, and raises QdslError (Q731) for data that is missing
    or unfit. files: what is read of the data, in an order of its own, with the options given; by
    them a training knows its data again; raises as `open`. options: what `--task NAME=VALUE` may
    name, each with a line of help.
    """

    open: Callable[[Request], Task[Any, Any]]
    files: Callable[[Path, Mapping[str, str]], Iterable[Path]]
    options: Mapping[str, str] = field(default_factory=dict)
