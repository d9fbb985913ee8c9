"""Compiles a file: every variant of it, resolved, with all findings."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from qdsl.diagnostic.model import Diagnostic
from qdsl.ir.model import Entry, Model
from qdsl.record import record
from qdsl.sema.arithmetics import with_arithmetic
from qdsl.sema.body import FunctionEvaluator
from qdsl.sema.check import run_checks
from qdsl.sema.context import Context, Stop
from qdsl.sema.elaborate import Elaborator
from qdsl.sema.entries import entries_of
from qdsl.sema.files import STD, Loader, Read, import_root, real_path
from qdsl.sema.formats import is_activation, weight_format
from qdsl.sema.memory import Memory
from qdsl.sema.policy import Claims, resolve
from qdsl.sema.root import root_of
from qdsl.sema.scope import FileScope, report_unused
from qdsl.sema.shadowing import Shadows
from qdsl.sema.static import evaluate_constants
from qdsl.sema.storages import Assigner
from qdsl.sema.streaming import check_streaming
from qdsl.sema.ties import resolve_ties
from qdsl.sema.units import Units
from qdsl.sema.values import BlockValue, FormatChoice, FormatValue, Unit
from qdsl.sema.variants import Settled, Settler
from qdsl.source import Span
from qdsl.syntax import read, tree

if TYPE_CHECKING:
    from qdsl.devices import Profile
    from qdsl.recipes.model import Recipe
    from qdsl.sema.recipe.reader import RecipeReader
    from qdsl.sema.targets import TargetReader


@record
class Variant:
    """A variant, resolved: the model before any pass, the rules behind it, its limits."""

    name: str
    model: Model
    claims: Claims
    limits: tuple[tree.Limit, ...]
    span: Span
    recipe: "Recipe | None" = None
    target: "Profile | None" = None
    target_span: Span | None = None


@record
class Compiled:
    """What a file compiled to: variants that could be resolved, and everything found."""

    file: tree.File | None
    variants: Mapping[str, Variant]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def ok(self) -> bool:
        return not any(d.is_error for d in self.diagnostics)


def compile_file(
    path: Path, name: str | None = None, reader: Read = read, memory: Memory | None = None
) -> Compiled:
    """Compiles every variant of the file; where it has none, each model with its defaults.

    `memory` is what the last compilation of this file left, and takes what this one leaves.
    """
    context, memory = Context(), memory or Memory(kept=False)
    loader = Loader(context, import_root(path), reader, memory.parse)
    scope = loader.load(real_path(path), name or str(path))
    if scope is None:
        return Compiled(None, {}, context.diagnostics)
    scopes = [s for p, s in loader.scopes.items() if s is not None]
    run_checks((s for p, s in loader.scopes.items() if s and p.parent != STD), context)
    variants: dict[str, Variant] = {}
    # after a syntax error parts are missing, and most findings would be about those
    if not any(s.damaged for s in scopes):
        memory.begin(scopes)
        variants = _Compiler(scope, context, memory).variants()
        memory.end(context.diagnostics)
    if not context.failed:
        report_unused(scope, context)
    return Compiled(scope.file, variants, context.diagnostics)


@dataclass(eq=False)
class _Compiler:
    """The variants of one file; what they have in common is made once."""

    scope: FileScope
    context: Context
    memory: Memory
    units: Units = field(init=False)
    elaborator: Elaborator = field(init=False)
    shadows: Shadows = field(default_factory=Shadows)

    def __post_init__(self) -> None:
        memory = self.memory
        self.units = Units(self.context, memory.units)
        self.elaborator = Elaborator(
            self.context, FunctionEvaluator, memory.bodies, memory.formulas
        )

    # imported where there is a recipe or a target: start-up is a budget

    @cached_property
    def recipes(self) -> "RecipeReader":
        from qdsl.sema.recipe.reader import RecipeReader

        return RecipeReader(self.context, self.units.instantiate, self.scope)

    @cached_property
    def targets(self) -> "TargetReader":
        from qdsl.sema.targets import TargetReader

        return TargetReader(self.context)

    def variants(self) -> dict[str, Variant]:
        self._constants()
        found: dict[str, Variant] = {}
        for item, settled in self._settled():
            try:
                found[settled.name.text] = self._remembered(item, settled)
            except Stop:
                assert self.context.failed, "stopped without a finding"
            except RecursionError:
                message = "blocks and expressions are nested too deep together"
                help = "give parts of the deepest expressions names of their own"
                self.context.stop("Q208", message, settled.name.span, help=help)
        self.shadows.report(self.context)
        return found

    def _constants(self) -> None:
        """Constants, formats, recipes and targets: wrong ones are reported without a use."""
        evaluate_constants(self.scope, self.context, self.units.instantiate)
        assert self.scope.constants is not None
        for item in self.scope.own(tree.Format):
            value = self.scope.constants[item.name.text]
            formats = value.choices if isinstance(value, FormatChoice) else (value,)
            for format in formats:
                if isinstance(format, FormatValue) and not is_activation(format):
                    with suppress(Stop):
                        weight_format(format, item.value.span, self.context)
        for recipe in self.scope.own(tree.Recipe):
            with suppress(Stop):
                self.recipes.read(recipe, self.scope, {})
        for target in self.scope.own(tree.Target):
            with suppress(Stop):
                self.targets.read(target, self.scope)

    def _settled(self) -> Iterator[tuple[tree.Variant | tree.Block, Settled]]:
        settler, any_variant = Settler(self.context), False
        for item in self.scope.own(tree.Variant):
            any_variant = True
            try:
                yield item, settler.settle(item, self.scope)
            except Stop:
                continue
        if not any_variant:
            for block in self.scope.own(tree.Block):
                if block.is_model:
                    yield block, Settled(block.name, model=block.name, model_scope=self.scope)

    def _remembered(self, item: tree.Variant | tree.Block, settled: Settled) -> Variant:
        made, shadows = self.memory.variants, Shadows()
        try:
            if id(item) not in made:
                made[id(item)] = self._variant(settled, shadows), shadows
            variant, shadows = made[id(item)]
            return variant
        finally:
            self.shadows.add(shadows)

    def _variant(self, settled: Settled, shadows: Shadows) -> Variant:
        root = root_of(settled, self.scope, self.units)
        self.context.count_parts(root.parts, settled.name.span)
        ties = self._ties(root)
        bodies, whole = settled.bodies, root.whole
        module, context = root.module, self.context
        entries = self._entries(root)
        context.count_operations(sum(e.body.size for e in entries), settled.name.span)
        # of an entry that failed, the values are not known
        whole = whole and len(entries) == _declared(root)
        claims = resolve(bodies, module, ties, shadows, context, entries=entries, whole=whole)
        scopes = {id(rule): body.scope for body in bodies for rule in body.rules}
        assigner = Assigner(claims, scopes, context, self.units.instantiate)
        policy = settled.policy.name.span if settled.policy else None
        activations = assigner.activations(module, "activations")
        check_streaming(entries, activations, claims, context)
        model = Model(
            name=root.kind,
            root=module,
            entries=entries,
            storages=assigner.storages(module, ties, policy),
            ties=ties,
            activations=activations,
            states=assigner.activations(module, "state"),
            roundings=assigner.roundings(),
        )
        model = with_arithmetic(model, assigner, context)
        recipe = self._recipe(settled, root, entries)
        target = self.targets.named(*settled.target) if settled.target else None
        return Variant(
            name=settled.name.text,
            model=model,
            claims=claims,
            limits=settled.limits,
            span=settled.name.span,
            recipe=recipe,
            target=target,
            target_span=settled.target[0].span if settled.target else None,
        )

    def _recipe(self, settled: Settled, root: Unit, entries: tuple[Entry, ...]) -> "Recipe | None":
        if settled.recipe is None:
            return None
        from qdsl.sema.recipe.reader import task_span
        from qdsl.sema.recipe.tasks import check_task

        item, scope = settled.recipe
        recipe = self.recipes.read(item, scope, settled.recipe_overrides, settled.name.text)
        if recipe.task is not None:
            assert isinstance(root.definition, BlockValue)
            model = root.definition.definition
            check_task(recipe.task, entries, model, task_span(item), self.context)
        return recipe

    def _entries(self, root: Unit) -> tuple[Entry, ...]:
        made = self.memory.entries
        if root not in made:
            made[root] = entries_of(root, self.elaborator)
        return made[root]

    def _ties(self, root: Unit) -> dict[str, str]:
        made = self.memory.ties
        if root not in made:
            made[root] = resolve_ties(root, self.context)
        return made[root]


def _declared(root: Unit) -> int:
    """How many entries the model has, those with errors included."""
    assert isinstance(root.definition, BlockValue)
    members = root.definition.definition.members
    return sum(isinstance(m, tree.Function) and m.kind != "fn" for m in members)
