"""Makes the unit of a variant's model, its arguments overridden."""

from qdsl.sema.arguments import Given, bind_block, match_names, positional_and_named
from qdsl.sema.scope import FileScope
from qdsl.sema.static import StaticEvaluator
from qdsl.sema.units import Units
from qdsl.sema.values import BlockValue, Unit, Val
from qdsl.sema.variants import Settled
from qdsl.syntax import tree


def root_of(settled: Settled, scope: FileScope, units: Units) -> Unit:
    """The unit; raises Stop after reporting."""
    expression, context = settled.model, units.context
    assert expression is not None
    at = settled.model_scope or scope
    evaluator = StaticEvaluator(context, at, {}, units.instantiate)
    call = expression if isinstance(expression, tree.Call) else None
    block = evaluator.value(call.callee if call else expression)
    if not isinstance(block, BlockValue) or not block.definition.is_model:
        raise evaluator.expected("a model", block, expression.span)
    _check_policy(settled, block, units)
    call = call or tree.Call(expression, (), expression.span)
    given = _overridden(settled, block, positional_and_named(call, evaluator), units)
    what = f"of variant `{settled.name.text}`"
    if settled.model is settled.name:
        _check_defaults(settled, block, units)
        what = ""
    arguments = bind_block(block, given, call.span, evaluator)
    return units.block(block, arguments, call.span, what)


def _overridden(settled: Settled, block: BlockValue, given: Given, units: Units) -> Given:
    """The arguments with `model.layers = 8` of the variant over those of the call."""
    if not settled.overrides:
        return given
    context = units.context
    names = [p.name.text for p in block.definition.parameters]
    what = block.definition.name.text
    bound = match_names(what, names, given, context)
    named: dict[str, tuple[Val, tree.Name]] = {
        n: (v, tree.Name(n, span)) for n, (v, span) in bound.items()
    }
    overrides: dict[str, tuple[Val, tree.Name]] = {}
    for name, (setting, scope) in settled.overrides.items():
        evaluator = StaticEvaluator(context, scope, {}, units.instantiate)
        overrides[name] = (evaluator.value(setting.value), setting.path[1])
    match_names(what, names, Given((), overrides), context)
    return Given((), {**named, **overrides})


def _check_policy(settled: Settled, model: BlockValue, units: Units) -> None:
    """`policy p for Model` is used with that model only."""
    policy = settled.policy
    if policy is None or policy.model is None:
        return
    name = model.definition.name.text
    if policy.model.text != name:
        message = f"policy `{policy.name.text}` is for `{policy.model.text}`, not `{name}`"
        place = [(policy.model.span, "declared here")]
        raise units.context.stop("Q315", message, settled.name.span, secondary=place)


def _check_defaults(settled: Settled, model: BlockValue, units: Units) -> None:
    """Without a variant, a model is compiled with its defaults."""
    for parameter in model.definition.parameters:
        if parameter.default is None:
            name = parameter.name.text
            message = f"`{settled.name.text}` has no default for `{name}`, and no variant gives one"
            help = f"add `variant … {{ model = {settled.name.text}({name} = …) }}`, or a default"
            raise units.context.stop("Q205", message, parameter.name.span, help=help)
