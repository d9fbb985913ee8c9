"""Defines the task `language`: text in, the next of its bytes out."""

from collections.abc import Iterator
from dataclasses import dataclass

from qdsl.recipes.loss import Ce, Loss
from qdsl.recipes.option import at_least
from qdsl.recipes.task import Task


@dataclass(frozen=True)
class Language(Task):
    """Language modelling over bytes. `context` is how many of them are scored at a time.

    The model has at least 256 ids, of which the first are the bytes. `--data` names a file, or a
    folder whose files that end in .txt and .md are read, in the order of their paths. The last
    twentieth of the text is not trained on: the evaluation is its bits per byte.
    """

    loss: Loss = Ce()
    context: int = 128

    def faults(self) -> Iterator[str]:
        yield from at_least(1, context=self.context)
        if not isinstance(self.loss, Ce):
            yield f"`loss` of `language` is `ce`, not `{self.loss.word()}`"

    def needs(self) -> tuple[str, ...]:
        return ("entry score(ids: i64[B, T]) -> f32[B, T, V]",)
