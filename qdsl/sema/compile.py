"""Compiles a file: every variant of it, resolved, with all findings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qdsl.diagnostic.model import Diagnostic
from qdsl.ir.model import Model
from qdsl.sema.arguments import Given, bind_block, match_names, positional_and_named
from qdsl.sema.context import Context, Stop
from qdsl.sema.entries import entries_of
from qdsl.sema.files import Loader, Read, import_root
from qdsl.sema.policy import Claims, RuleSet, resolve
from qdsl.sema.scope import FileScope, report_unused
from qdsl.sema.static import StaticEvaluator
from qdsl.sema.storages import Assigner, rule_scopes
from qdsl.sema.ties import resolve_ties
from qdsl.sema.units import Units
from qdsl.sema.values import BlockValue, Static, Unit, Val
from qdsl.sema.variants import Settled, settle
from qdsl.source import Span
from qdsl.syntax import read, tree


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant, resolved: the model before any pass, the rules behind it, its limits."""

    name: str
    model: Model
    claims: Claims
    limits: tuple[tree.Limit, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Compiled:
    """What a file compiled to: variants that could be resolved, and everything found."""

    file: tree.File | None
    variants: Mapping[str, Variant]
    diagnostics: tuple[Diagnostic, ...]

    @property
    def ok(self) -> bool:
        return not any(d.is_error for d in self.diagnostics)


def compile_file(path: Path, name: str | None = None, reader: Read = read) -> Compiled:
    """Compiles every variant of the file; where it has none, each model with its defaults."""
    context = Context()
    loader = Loader(context, import_root(path), reader)
    scope = loader.load(path.resolve(), name or str(path))
    if scope is None:
        return Compiled(None, {}, context.diagnostics)
    units = Units(context)
    variants: dict[str, Variant] = {}
    for settled in _settled(scope, context):
        try:
            variants[settled.name] = _variant(settled, scope, units)
        except Stop:
            continue
    _check_rest(scope, units)
    if not context.failed:
        report_unused(scope, context)
    return Compiled(scope.file, variants, context.diagnostics)


def _settled(scope: FileScope, context: Context) -> list[Settled]:
    items = [i for i in scope.own(tree.Variant) if isinstance(i, tree.Variant)]
    found: list[Settled] = []
    for item in items:
        try:
            found.append(settle(item, scope, context))
        except Stop:
            continue
    if items:
        return found
    models = [b for b in scope.own(tree.Block) if isinstance(b, tree.Block) and b.is_model]
    return [Settled(b.name.text, b.name, model=b.name, model_scope=scope) for b in models]


def _variant(settled: Settled, scope: FileScope, units: Units) -> Variant:
    context = units.context
    root = _root(settled, scope, units)
    whole = not context.failed  # a tree with holes says nothing about selectors
    assert isinstance(root.definition, BlockValue)
    _check_for(settled, root.definition, context)
    entries = units.once(root, entries_of)
    ties = units.once(root, resolve_ties)
    bodies = tuple(rules for rules, _ in settled.rules)
    strict = settled.policy is not None and settled.policy.model is not None
    rules = RuleSet(tuple(r for body in bodies for r in body), strict, bodies, whole)
    claims = resolve(rules, root.module, ties, context)
    assigner = Assigner(claims, rule_scopes(list(settled.rules)), units)
    policy = settled.policy.name.span if settled.policy else None
    model = Model(
        name=root.kind,
        root=root.module,
        entries=entries,
        storages=assigner.storages(root.module, ties, policy),
        ties=ties,
        activations=assigner.activations(root.module, "activations"),
        states=assigner.activations(root.module, "state"),
    )
    return Variant(settled.name, model, claims, settled.limits, settled.span.span)


def _root(settled: Settled, scope: FileScope, units: Units) -> Unit:
    """The unit of the variant's model, its arguments overridden."""
    expression, context = settled.model, units.context
    assert expression is not None
    at = settled.model_scope or scope
    evaluator = StaticEvaluator(context, at, {}, units.instantiate)
    call = expression if isinstance(expression, tree.Call) else None
    block = evaluator.value(call.callee if call else expression)
    if not isinstance(block, BlockValue) or not block.definition.is_model:
        raise evaluator.expected("a model", block, expression.span)
    call = call or tree.Call(expression, (), expression.span)
    given = _overridden(settled, block, positional_and_named(call, evaluator), call, units)
    arguments: dict[str, Static] = bind_block(block, given, call, evaluator)
    return units.block(block, arguments, call.span)


def _overridden(
    settled: Settled, block: BlockValue, given: Given, call: tree.Call, units: Units
) -> Given:
    """The arguments with `model.layers = 8` of the variant over those of the call."""
    context = units.context
    names = tuple(p.name.text for p in block.definition.parameters)
    what = block.definition.name.text
    bound = match_names(what, names, given, call.span, context)
    named: dict[str, tuple[Val, tree.Name]] = {
        n: (v, tree.Name(n, span)) for n, (v, span) in bound.items()
    }
    overrides: dict[str, tuple[Val, tree.Name]] = {}
    for setting, scope in settled.overrides:
        evaluator = StaticEvaluator(context, scope, {}, units.instantiate)
        name = setting.path[1]
        overrides[name.text] = (evaluator.value(setting.value), name)
    match_names(what, names, Given((), overrides), call.span, context)
    return Given((), {**named, **overrides})


def _check_for(settled: Settled, model: BlockValue, context: Context) -> None:
    """`policy p for Model` is used with that model only."""
    policy = settled.policy
    if policy is None or policy.model is None:
        return
    name = model.definition.name.text
    if policy.model.text != name:
        message = f"policy `{policy.name.text}` is for `{policy.model.text}`, not `{name}`"
        place = [(policy.model.span, "declared here")]
        raise context.stop("Q315", message, settled.span.span, secondary=place)


def _check_rest(scope: FileScope, units: Units) -> None:
    """Constants and formats that no variant asked for are evaluated too."""
    from qdsl.sema.formats import weight_format
    from qdsl.sema.static import file_constant
    from qdsl.sema.values import FormatValue

    evaluator = StaticEvaluator(units.context, scope, {}, units.instantiate)
    for item in scope.file.items:
        if isinstance(item, tree.Const | tree.Format):
            try:
                value = file_constant(evaluator, item, scope)
                dynamic = isinstance(value, FormatValue) and "dynamic" in value.flags
                if isinstance(value, FormatValue) and not dynamic:
                    weight_format(value, item.value.span, units.context)
            except Stop:
                continue
