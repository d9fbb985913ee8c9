"""Resolves recipes: their items become stages, and the model must have what the task needs."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import qdsl.recipes.tasks
from qdsl.diagnostic.suggest import suggestion
from qdsl.recipes import teacher
from qdsl.recipes.model import Recipe, Stage
from qdsl.recipes.task import Task
from qdsl.registry import member_class, names
from qdsl.sema.context import Context, Stop
from qdsl.sema.options import Given, OptionReader, schema
from qdsl.sema.scope import FileScope
from qdsl.sema.static import Instantiate, StaticEvaluator
from qdsl.source import Span
from qdsl.syntax import tree

Overrides = Mapping[tuple[str, ...], tuple[tree.Setting, FileScope]]
"""`recipe.qat.steps = 4000` by what stands behind `recipe`."""


@dataclass(eq=False)
class RecipeReader:
    """Reads the recipes of one compilation."""

    context: Context
    instantiate: Instantiate
    options: OptionReader = field(init=False)

    def __post_init__(self) -> None:
        self.options = OptionReader(self.context)

    def read(self, item: tree.Recipe, scope: FileScope, overrides: Overrides) -> Recipe:
        """The recipe with a variant's overrides; raises Stop after reporting."""
        self._check_overrides(item, overrides)
        shared = self._properties(item.properties, scope)
        shared |= self._overridden((), overrides)
        given_task, task = shared.pop("task", None), None
        with self._collecting() as failed:
            task = self._task(given_task)
        stages: list[Stage] = []
        for stage in item.stages:
            given = {**shared, **self._properties(stage.properties, scope)}
            given |= self._overridden((stage.name.text,), overrides)
            with self._collecting(failed):
                stages.append(self._stage(stage.name, given, item))
        if not item.stages:
            message = f"recipe `{item.name.text}` has no stage"
            help = "add `stage qat { steps = 1000 }`"
            raise self.context.stop("Q704", message, item.name.span, help=help)
        if failed:
            raise Stop
        return Recipe(item.name.text, task, tuple(stages))

    @contextmanager
    def _collecting(self, failed: list[Stop] | None = None) -> Iterator[list[Stop]]:
        """Goes on after what was reported inside, and notes that it was."""
        failed = [] if failed is None else failed
        try:
            yield failed
        except Stop as stop:
            failed.append(stop)

    def _stage(self, name: tree.Name, given: Mapping[str, Given], item: tree.Recipe) -> Stage:
        earlier = [s.name.text for s in item.stages if s.name.span.start < name.span.start]
        self._check_known(given)
        if name.text in earlier:
            message = f"two stages are called `{name.text}`"
            raise self.context.stop("Q704", message, name.span, help="rename one of them")
        stage = cast(Stage, self.options.make(Stage, given, name.span, name=name.text))
        if isinstance(stage.distill, teacher.Stage) and stage.distill.name not in earlier:
            message = f"no stage `{stage.distill.name}` stands before `{name.text}`"
            help = suggestion(stage.distill.name, earlier) or "a teacher is a stage above"
            raise self.context.stop("Q704", message, given["distill"].value.span, help=help)
        return stage

    # ---- properties --------------------------------------------------------------------------

    def _properties(
        self, properties: tuple[tree.Property, ...], scope: FileScope
    ) -> dict[str, Given]:
        found: dict[str, Given] = {}
        evaluator = StaticEvaluator(self.context, scope, {}, self.instantiate)
        for p in properties:
            if p.name.text in found:
                message = f"`{p.name.text}` is given twice"
                raise self.context.stop("Q205", message, p.name.span)
            found[p.name.text] = Given(p.value, p.name.span, evaluator)
        return found

    def _overridden(self, stage: tuple[str, ...], overrides: Overrides) -> dict[str, Given]:
        return {
            path[-1]: Given(
                setting.value,
                setting.path[-1].span,
                StaticEvaluator(self.context, scope, {}, self.instantiate),
            )
            for path, (setting, scope) in overrides.items()
            if path[:-1] == stage
        }

    def _check_known(self, given: Mapping[str, Given]) -> None:
        known = [n for n in schema(Stage) if n != "name"]
        for name, argument in given.items():
            if name not in known:
                message = f"a stage has no `{name}`"
                help = suggestion(name, known) or "`qdsl explain stage` lists what it has"
                raise self.context.stop("Q701", message, argument.span, "unknown", help=help)

    def _check_overrides(self, item: tree.Recipe, overrides: Overrides) -> None:
        stages = [s.name.text for s in item.stages]
        for path, (setting, _) in overrides.items():
            if len(path) == 2 and path[0] not in stages:
                message = f"recipe `{item.name.text}` has no stage `{path[0]}`"
                help, span = suggestion(path[0], stages), setting.path[1].span
                raise self.context.stop("Q704", message, span, "unknown", help=help)

    # ---- task --------------------------------------------------------------------------------

    def _task(self, given: Given | None) -> Task | None:
        if given is None:
            return None
        e = given.value
        name = e.callee if isinstance(e, tree.Call) else e
        known = names(qdsl.recipes.tasks)
        if not isinstance(name, tree.Name) or name.text not in known:
            message = f"unknown task `{name.span.text}`"
            help = suggestion(name.span.text, known)
            raise self.context.stop("Q701", message, name.span, "not found", help=help)
        kind = member_class(qdsl.recipes.tasks, name.text, Task)
        return cast(Task, self.options.call(kind, e, given.evaluator))


def task_span(item: tree.Recipe) -> Span:
    """Where the recipe names its task."""
    return next((p.span for p in item.properties if p.name.text == "task"), item.name.span)
