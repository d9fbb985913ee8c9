"""Resolves recipes: their items become stages, and the model must have what the task needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import qdsl.recipes.tasks
from qdsl.diagnostic.suggest import suggestion
from qdsl.recipes import teacher
from qdsl.recipes.model import Recipe, Stage
from qdsl.recipes.option import OptionError
from qdsl.recipes.task import Task
from qdsl.registry import member_class, names
from qdsl.sema.context import Context
from qdsl.sema.recipe.options import Collected, Given, OptionReader, schema
from qdsl.sema.recipe.refused import property_help
from qdsl.sema.scope import FileScope
from qdsl.sema.static import Instantiate, StaticEvaluator
from qdsl.source import Span
from qdsl.syntax import tree

Overrides = Mapping[tuple[str, ...], tuple[tree.Setting, FileScope]]
"""`recipe.qat.steps = 4000` by what stands behind `recipe`."""


@dataclass(eq=False)
class RecipeReader:
    """Reads the recipes of one compilation.

    root: the file that is compiled, whose variants may be teachers; None where each recipe is taken
    to stand in it.
    """

    context: Context
    instantiate: Instantiate
    root: FileScope | None = None
    options: OptionReader = field(init=False)

    def __post_init__(self) -> None:
        self.options = OptionReader(self.context)

    def read(
        self, item: tree.Recipe, scope: FileScope, overrides: Overrides, student: str | None = None
    ) -> Recipe:
        """The recipe with a variant's overrides; raises Stop after reporting all that is wrong.

        `student` is the name of that variant, which is no teacher of its own.
        """
        parts = Collected()
        self._check_overrides(item, overrides, parts)
        shared = self._properties(item.properties, scope, parts)
        shared |= self._overridden((), overrides)
        given_task, task = shared.pop("task", None), None
        with parts.part():
            task = self._task(given_task)
        stages: list[Stage] = []
        for stage in item.stages:
            given = {**shared, **self._properties(stage.properties, scope, parts)}
            given |= self._overridden((stage.name.text,), overrides)
            with parts.part():
                made = self._stage(stage.name, given, item)
                stages.append(made)
                self._check_teacher(made, given, scope, student)
                self._check_loss(made, task, given)
        if not item.stages:
            message = f"recipe `{item.name.text}` has no stage"
            help = "add `stage qat { steps = 1000 }`"
            raise self.context.stop("Q704", message, item.name.span, help=help)
        parts.end()
        return Recipe(item.name.text, task, tuple(stages))

    def _stage(self, name: tree.Name, given: Mapping[str, Given], item: tree.Recipe) -> Stage:
        earlier = [s.name.text for s in item.stages if s.name.span.start < name.span.start]
        parts = Collected()
        known = self._known(given, parts)
        if name.text in earlier:
            message = f"two stages are called `{name.text}`"
            raise self.context.stop("Q704", message, name.span, help="rename one of them")
        made = self.options.make(Stage, known, name.span, parts, name=name.text)
        stage = cast(Stage, made)
        if isinstance(stage.distill, teacher.Stage) and stage.distill.name not in earlier:
            message = f"no stage `{stage.distill.name}` stands before `{name.text}`"
            help = suggestion(stage.distill.name, earlier) or "a teacher is a stage above"
            raise self.context.stop("Q704", message, given["distill"].value.span, help=help)
        return stage

    def _check_teacher(
        self, stage: Stage, given: Mapping[str, Given], scope: FileScope, student: str | None
    ) -> None:
        """Reports a teacher that is no variant of the file, or the student itself."""
        # a file of recipes alone is there to be imported: its teachers are the importer's variants
        known = [v.name.text for v in (self.root or scope).own(tree.Variant)]
        if not isinstance(stage.distill, teacher.Variant) or not known:
            return
        name, span = stage.distill.name, given["distill"].value.span
        if name == student:
            message = f"variant `{name}` is its own teacher"
            help = "a teacher is another variant, which is trained before"
            raise self.context.stop("Q704", message, span, help=help)
        if name not in known:
            near = suggestion(name, [n for n in known if n != student])
            message = f"unknown variant `{name}`"
            raise self.context.stop("Q704", message, span, help=near)

    def _check_loss(self, stage: Stage, task: Task | None, given: Mapping[str, Given]) -> None:
        """Reports a loss of the stage that the task does not take."""
        if task is None or stage.loss is None:
            return
        try:
            replace(task, loss=stage.loss)
        except OptionError as wrong:
            raise self.context.stop("Q702", str(wrong), given["loss"].value.span) from None

    # ---- properties --------------------------------------------------------------------------

    def _properties(
        self, properties: tuple[tree.Property, ...], scope: FileScope, parts: Collected
    ) -> dict[str, Given]:
        found: dict[str, Given] = {}
        evaluator = StaticEvaluator(self.context, scope, {}, self.instantiate)
        for p in properties:
            with parts.part():
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

    def _known(self, given: Mapping[str, Given], parts: Collected) -> dict[str, Given]:
        """What a stage has of what is given; the rest is reported."""
        known = [n for n in schema(Stage) if n != "name"]
        for name, argument in given.items():
            if name not in known:
                message = f"a stage has no `{name}`"
                span, help = argument.span, property_help(name)
                with parts.part():
                    raise self.context.stop("Q701", message, span, "unknown", help=help)
        return {n: g for n, g in given.items() if n in known}

    def _check_overrides(self, item: tree.Recipe, overrides: Overrides, parts: Collected) -> None:
        stages = [s.name.text for s in item.stages]
        for path, (setting, _) in overrides.items():
            if len(path) == 2 and path[0] not in stages:
                message = f"recipe `{item.name.text}` has no stage `{path[0]}`"
                help, span = suggestion(path[0], stages), setting.path[1].span
                with parts.part():
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
