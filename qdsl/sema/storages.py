"""Gives every parameter its format: the claims of a policy become storages."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from qdsl.diagnostic.model import error, warning
from qdsl.formats import check_shape, format_warning
from qdsl.ir.format import F32, ActivationFormat, WeightFormat
from qdsl.ir.model import Assigned, Module, Parameter, Role, Storage, join
from qdsl.sema.context import Context, Stop
from qdsl.sema.formats import activation_format, weight_format
from qdsl.sema.policy import LAYER_PROPERTIES, Claim, Claims
from qdsl.sema.scope import FileScope
from qdsl.sema.static import StaticEvaluator
from qdsl.sema.units import Units
from qdsl.sema.values import FormatValue
from qdsl.source import Span
from qdsl.syntax import tree

PROPERTY_OF = {Role.WEIGHT: "weights", Role.BIAS: "bias", Role.NORM: "norm"}


@dataclass(eq=False)
class Assigner:
    """Reads the winning claims; each property of a rule is evaluated once."""

    claims: Claims
    scopes: Mapping[int, FileScope]  # of each rule, by id
    units: Units
    made: dict[tuple[int, str], object] = field(default_factory=dict)

    @property
    def context(self) -> Context:
        return self.units.context

    def storages(self, root: Module, ties: Mapping[str, str], policy: Span | None) -> tuple[Storage, ...]:
        """Every owned parameter with its format; unclaimed weights are reported."""
        found: list[Storage] = []
        unclaimed: list[str] = []
        for path, module in root.walk():
            for parameter in module.parameters:
                name = join(path, parameter.name)
                if name in ties:
                    continue
                kind = module.kind if module.is_layer else "parameter"
                found.append(self._storage(name, kind, parameter))
                claimed = self.claims.winner("weights", name) is not None
                if policy and parameter.role is Role.WEIGHT and not claimed:
                    unclaimed.append(name)
        if unclaimed and policy:
            self._report_unclaimed(unclaimed, policy)
        self._check_ties(ties)
        return tuple(found)

    def activations(self, root: Module, property: str) -> dict[str, ActivationFormat]:
        """Formats by layer path; f32 is left out."""
        found: dict[str, ActivationFormat] = {}
        for path, module in root.walk():
            if module.kind in LAYER_PROPERTIES[property]:
                claim = self.claims.winner(property, path)
                format = self._activation(claim) if claim else None
                if format is not None:
                    found[path] = format
        return found

    def _storage(self, path: str, kind: str, parameter: Parameter) -> Storage:
        assigned = Assigned(F32)
        if parameter.role is not Role.STATISTIC:
            claim = self.claims.winner(PROPERTY_OF[parameter.role], path)
            assigned = self._assigned(path, parameter, claim)
        trainable = parameter.role is not Role.STATISTIC
        if trainable and (claim := self.claims.winner("trainable", path)):
            trainable = self._evaluate(claim, "trainable") is True
        return Storage(path, kind, parameter, assigned, trainable)

    def _assigned(self, path: str, parameter: Parameter, claim: Claim | None) -> Assigned:
        if claim is None:
            return Assigned(F32)
        format = self._evaluate(claim, PROPERTY_OF[parameter.role])
        if not isinstance(format, WeightFormat):
            return Assigned(F32, claim.property.span)
        if wrong := check_shape(format, *parameter.matrix):
            span = claim.property.value.span
            made = [(parameter.span, f"`{path}` is {list(parameter.shape)}")]
            message = f"{wrong.message} of `{path}`"
            self.context.report(error("Q307", message, span, secondary=made, help=wrong.help))
        return Assigned(format, claim.property.span)

    def _activation(self, claim: Claim) -> ActivationFormat | None:
        format = self._evaluate(claim, "activations")
        return format if isinstance(format, ActivationFormat) else None

    def _evaluate(self, claim: Claim, what: str) -> object:
        """The value of a property, None where it is wrong (reported once)."""
        key = (id(claim.property), what)
        if key not in self.made:
            self.made[key] = None
            try:
                self.made[key] = self._value(claim, what)
            except Stop:
                pass
        return self.made[key]

    def _value(self, claim: Claim, what: str) -> object:
        expression = claim.property.value
        scope = self.scopes[id(claim.rule)]
        evaluator = StaticEvaluator(self.context, scope, {}, self.units.instantiate)
        value = evaluator.value(expression)
        if what == "trainable":
            return evaluator.boolean(expression)
        if not isinstance(value, FormatValue):
            raise evaluator.expected("a format", value, expression.span)
        if what == "activations":
            return activation_format(value, expression.span, self.context)
        format = weight_format(value, expression.span, self.context)
        if what in ("bias", "norm") and not format.is_float:
            message = f"`{what}` is stored as f32, f16 or bf16, not {format.name}"
            raise self.context.stop("Q308", message, expression.span)
        if unlikely := format_warning(format):
            self.context.report(
                warning("Q309", unlikely.message, expression.span, help=unlikely.help)
            )
        return format

    def _report_unclaimed(self, paths: list[str], policy: Span) -> None:
        shown = ", ".join(f"`{p}`" for p in paths[:3])
        more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
        weights = "weight" if len(paths) == 1 else "weights"
        message = f"no rule claims {len(paths)} {weights}: {shown}{more}"
        help = "add `default { weights = f32 }`, or a rule for them"
        self.context.report(error("Q310", message, policy, "of this policy", help=help))

    def _check_ties(self, ties: Mapping[str, str]) -> None:
        """Rules that claim one storage by two names must agree."""
        for owner in dict.fromkeys(ties.values()):
            claims = self.claims.found.get(("weights", owner), [])
            by_name = {c.name: c for c in claims if c.rule.selector is not None}
            formats = [(c, self._evaluate(c, "weights")) for c in by_name.values()]
            different = [c for c, f in formats if f != formats[0][1]]
            if different:
                first, second = formats[0][0], different[0]
                message = f"`{first.name}` and `{second.name}` are one storage with two formats"
                place = [(first.property.span, "and here")]
                help = f"give both one format, or let one rule name `{owner}` only"
                self.context.report(
                    error("Q311", message, second.property.span, secondary=place, help=help)
                )


def rule_scopes(bodies: list[tuple[tuple[tree.Rule, ...], FileScope]]) -> dict[int, FileScope]:
    """The file of each rule, by id."""
    return {id(rule): scope for rules, scope in bodies for rule in rules}
