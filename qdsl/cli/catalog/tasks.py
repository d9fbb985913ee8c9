"""Lists the tasks that a recipe may train for."""

from functools import cache
from inspect import cleandoc

import qdsl.recipes.tasks
from qdsl.cli.entry import Catalog, Entry, first_sentence, page
from qdsl.recipes.task import Task
from qdsl.registry import member_class, names


@cache
def _tasks() -> dict[str, type[Task]]:
    package = qdsl.recipes.tasks
    return {name: member_class(package, name, Task) for name in names(package)}


def _entry(name: str) -> Entry:
    doc = cleandoc(_tasks()[name].__doc__ or "")
    needs = "\n".join(f"- `{need}`" for need in _tasks()[name]().needs())
    text = page(f"# {name}", "A task of recipes.", doc, "## What the model must have", needs)
    return Entry((name, first_sentence(doc)), text)


TASKS = Catalog("tasks of recipes", ("name", "doc"), _tasks, _entry)
