"""Lists the tasks that a recipe may train for."""

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from inspect import cleandoc
from typing import Any

import qdsl.recipes.tasks
import qdsl.tasks
from qdsl.cli.entry import Catalog, Entry, first_sentence, markdown_table, page
from qdsl.cli.recipe_text import argument_rows, call_text
from qdsl.recipes.option import OptionError
from qdsl.recipes.task import Task
from qdsl.registry import member, member_class, names
from qdsl.sema.recipe.options import alternatives, schema
from qdsl.train.task import TaskKind


@cache
def _tasks() -> dict[str, type[Task]]:
    package = qdsl.recipes.tasks
    return {name: member_class(package, name, Task) for name in names(package)}


def _entry(name: str) -> Entry:
    doc = cleandoc(_tasks()[name].__doc__ or "")
    kind = _tasks()[name]
    text = page(
        f"# {name}",
        "A task of recipes.",
        f"`{call_text(kind)}`",
        doc,
        markdown_table(("argument", "values", "default"), argument_rows(kind)),
        "## What the model must have",
        *_needs(kind),
        *_options(name),
    )
    return Entry((name, first_sentence(doc)), text)


def _needs(kind: type[Task]) -> Iterator[str]:
    """The entries, for each loss that the task takes."""
    found: dict[tuple[str, ...], list[str]] = {}
    for loss in alternatives(schema(kind)["loss"][0]):
        with suppress(OptionError):
            values: dict[str, Any] = {"loss": loss()}
            found.setdefault(kind(**values).needs(), []).append(f"`{loss.word()}`")
    for needs, losses in found.items():
        yield f"With {' or '.join(losses)}:"
        yield "\n".join(f"- `{need}`" for need in needs)


def _options(name: str) -> Iterator[str]:
    """What `qdsl train` takes for the task."""
    found = member(qdsl.tasks, name, TaskKind).options if name in names(qdsl.tasks) else {}
    if found:
        yield "## Options of `qdsl train`"
        yield "\n".join(f"- `--task {option}=…`: {help}" for option, help in found.items())


def _intro() -> str:
    return (
        "`task = asr(loss = rnnt)` in a recipe. A model that lacks what its task needs is a Q703. "
        "Dims of a signature stand for any numbers, the same ones in all entries of the task."
    )


TASKS = Catalog("tasks of recipes", ("name", "doc"), _tasks, _entry, intro=_intro)
