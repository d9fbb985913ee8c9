"""Finds what a variant is trained with: its recipe, the task's implementation, data, options."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import qdsl.tasks
from qdsl.diagnostic.model import QdslError, error
from qdsl.diagnostic.suggest import suggestion
from qdsl.recipes.model import Recipe, Stage
from qdsl.recipes.task import Task as RecipeTask
from qdsl.registry import member, names
from qdsl.spec import Variant
from qdsl.train.task import Request, Share, Task, TaskKind


@dataclass(frozen=True, slots=True)
class Trainable:
    """A variant with all that its training needs."""

    variant: Variant
    recipe: Recipe
    task: RecipeTask
    kind: TaskKind
    data: Path
    options: Mapping[str, str]

    def open(self, stage: Stage, share: Share) -> Task[Any, Any]:
        """The task as the stage trains for it. Raises QdslError."""
        request = Request(
            task=replace(self.task, loss=stage.loss or self.task.loss),
            model=self.variant.model,
            data=self.data,
            options=self.options,
            batch=stage.batch,
            seed=stage.seed,
            share=share,
        )
        return self.kind.open(request)


def open_trainable(variant: Variant, data: Path | None, options: Sequence[str]) -> Trainable:
    """Raises QdslError: Q404 for formats that are open, Q743 without a recipe and a task that can
    be trained, Q731 for data that is not there and options."""
    variant.refuse_open()
    recipe, task = _recipe(variant)
    word = task.word()
    if word not in (known := names(qdsl.tasks)):
        message = f"task `{word}` cannot be trained here"
        raise _untrained(variant, message, suggestion(word, known))
    kind = member(qdsl.tasks, word, TaskKind)
    if data is None:
        message = f"task `{word}` is trained on data: none is given"
        raise QdslError([error("Q731", message, help="add `--data PATH`")])
    if not data.exists():
        raise QdslError([error("Q731", f"there is no `{data}` to train on")])
    return Trainable(variant, recipe, task, kind, data, _options(options, word, kind))


def _recipe(variant: Variant) -> tuple[Recipe, RecipeTask]:
    recipe = variant.resolved.recipe
    if recipe is None:
        message = f"variant `{variant.name}` has no recipe"
        raise _untrained(variant, message, "add `recipe = …`")
    if recipe.task is None:
        message = f"recipe `{recipe.name}` of variant `{variant.name}` has no task"
        raise _untrained(variant, message, "add `task = …` to it")
    return recipe, recipe.task


def _untrained(variant: Variant, message: str, help: str | None) -> QdslError:
    return QdslError([error("Q743", message, variant.resolved.span, help=help)])


def _options(given: Sequence[str], word: str, kind: TaskKind) -> dict[str, str]:
    """`name=value` by name; raises QdslError (Q731)."""
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if name not in kind.options or not equals:
            message = f"task `{word}` takes no option `{text}`"
            help: str | None = suggestion(name, kind.options) or "it takes none"
            if name in kind.options:
                message, help = f"option `{name}` has no value", f"write `{name}=…`"
            raise QdslError([error("Q731", message, help=help)])
        found[name] = value
    return found
