"""Gives every parameter its format: the claims of a policy become storages."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from qdsl.diagnostic.model import error, warning
from qdsl.formats import FormatError, check_shape, format_warning
from qdsl.ir.format import F32, Activations, WeightFormat
from qdsl.ir.model import Assigned, Module, Parameter, Role, Storage, join
from qdsl.ir.pattern import Dense
from qdsl.record import record
from qdsl.sema.context import Context, Stop
from qdsl.sema.formats import activation_format, weight_format
from qdsl.sema.policy import LAYER_PROPERTIES, MODEL_PROPERTIES, VALUE_PROPERTIES, Claim, Claims
from qdsl.sema.scope import FileScope
from qdsl.sema.static import Instantiate, StaticEvaluator
from qdsl.sema.values import FormatChoice, FormatValue
from qdsl.source import Span
from qdsl.syntax import tree

PROPERTY_OF = {Role.WEIGHT: "weights", Role.BIAS: "bias", Role.NORM: "norm"}
PLAIN = Assigned(F32)
ROUNDED = frozenset((*LAYER_PROPERTIES, *VALUE_PROPERTIES))


@record
class _Unfitting:
    """Weights that a rule's format does not fit: the first of them, and how many."""

    wrong: FormatError
    claim: Claim
    path: str
    parameter: Parameter
    made: Span
    count: int


@dataclass(eq=False)
class Assigner:
    """Reads the winning claims of one variant; each property of a rule is evaluated once."""

    claims: Claims
    scopes: Mapping[int, FileScope]  # of each rule, by id
    context: Context
    instantiate: Instantiate
    values: dict[int, object] = field(default_factory=dict)
    checked: dict[object, FormatError | None] = field(default_factory=dict)
    unfitting: dict[int, _Unfitting] = field(default_factory=dict)

    def storages(
        self, root: Module, ties: Mapping[str, str], policy: Span | None
    ) -> tuple[Storage, ...]:
        """Every owned parameter with its format; unclaimed weights are reported."""
        found: list[Storage] = []
        unclaimed: list[str] = []
        modules = dict(root.walk())
        for path, module in modules.items():
            kind = module.kind if module.is_layer else "parameter"
            above, _, name = path.rpartition(".")
            made = modules[above].places.get(name.partition("[")[0]) if module.is_layer else None
            for parameter in module.parameters:
                name = join(path, parameter.name)
                if name in ties:
                    continue
                claim = self._claim(parameter.role, name)
                place = made or parameter.span
                found.append(self._storage(name, kind, parameter, claim, place))
                if policy and parameter.role is Role.WEIGHT and claim is None:
                    unclaimed.append(name)
        self._report_unfitting()
        if unclaimed and policy and self.claims.sound:
            self._report_unclaimed(unclaimed, policy)
        self._check_ties(ties)
        return tuple(found)

    def roundings(self) -> dict[str, dict[str, Activations]]:
        """Formats by property and path of a value or layer; f32 is left out."""
        found: dict[str, dict[str, Activations]] = {}
        for property, path in self.claims.found:
            if property in VALUE_PROPERTIES and (claim := self.claims.winner(property, path)):
                format = self._value(claim)
                if isinstance(format, Activations):
                    found.setdefault(property, {})[path] = format
        return found

    def activations(self, root: Module, property: str) -> dict[str, Activations]:
        """Formats by layer path; f32 is left out."""
        found: dict[str, Activations] = {}
        if any(name == property for name, _ in self.claims.found):
            for path, module in root.walk():
                if module.kind in LAYER_PROPERTIES[property]:
                    claim = self.claims.winner(property, path)
                    format = self._value(claim) if claim else None
                    if isinstance(format, Activations):
                        found[path] = format
        return found

    def word(self, property: str) -> str | None:
        """The value of a property of the whole model, None where there is no sound one."""
        claim = self.claims.winner(property, "")
        value = claim.property.value if claim else None
        known = isinstance(value, tree.Name) and value.text in MODEL_PROPERTIES[property]
        return value.text if known and isinstance(value, tree.Name) else None

    # ---- one storage -------------------------------------------------------------------------

    def _claim(self, role: Role, path: str) -> Claim | None:
        return self.claims.winner(PROPERTY_OF[role], path) if role in PROPERTY_OF else None

    def _storage(
        self, path: str, kind: str, parameter: Parameter, claim: Claim | None, place: Span
    ) -> Storage:
        trainable = parameter.role is not Role.STATISTIC
        if trainable and (word := self.claims.winner("trainable", path)):
            trainable = self._value(word) is True
        if claim is None:
            return Storage(path, kind, parameter, PLAIN, trainable, place)
        assigned = self._assigned(path, parameter, claim, place)
        return Storage(path, kind, parameter, assigned, trainable, place)

    def _assigned(self, path: str, parameter: Parameter, claim: Claim, made: Span) -> Assigned:
        value = self._value(claim)
        if not isinstance(value, WeightFormat | tuple):
            return PLAIN
        formats = value if isinstance(value, tuple) else (value,)
        key = (id(claim.property), *parameter.matrix)
        if key not in self.checked:
            unfit = (check_shape(f, *parameter.matrix) for f in formats)
            self.checked[key] = next((w for w in unfit if w), None)
        if wrong := self.checked[key]:
            place = id(claim.property)
            first = self.unfitting.get(place, _Unfitting(wrong, claim, path, parameter, made, 0))
            self.unfitting[place] = replace(first, count=first.count + 1)
        choices = value if isinstance(value, tuple) else ()
        return Assigned(formats[0], claim.property.span, choices)

    # ---- values of properties ----------------------------------------------------------------

    def _value(self, claim: Claim) -> object:
        """The value of a property, None where it is wrong (reported once)."""
        key = id(claim.property)
        if key not in self.values:
            try:
                self.values[key] = self._evaluated(claim)
            except Stop:
                self.values[key] = None
        return self.values[key]

    def _evaluated(self, claim: Claim) -> object:
        expression, what = claim.property.value, claim.property.name.text
        scope = self.scopes[id(claim.rule)]
        evaluator = StaticEvaluator(self.context, scope, {}, self.instantiate)
        if what == "trainable":
            return evaluator.boolean(expression)
        value = evaluator.value(expression)
        if isinstance(value, FormatChoice) and what not in ROUNDED:
            return tuple(self._weight(c, what, expression) for c in value.choices)
        if not isinstance(value, FormatValue):
            raise evaluator.expected("a format", value, expression.span)
        if what in ROUNDED:
            return activation_format(value, expression.span, self.context)
        return self._weight(value, what, expression)

    def _weight(self, value: FormatValue, what: str, expression: tree.Expr) -> WeightFormat:
        format = weight_format(value, expression.span, self.context)
        if what in ("bias", "norm") and not format.is_float:
            message = f"`{what}` cannot be `{format.name}`"
            floats = "a bias and the numbers of a norm are f32, f16 or bf16"
            raise self.context.stop("Q308", message, expression.span, help=floats)
        if what in ("bias", "norm") and not isinstance(format.pattern, Dense):
            message = f"`{what}` cannot be sparse"
            raise self.context.stop("Q308", message, expression.span, help="leave `sparse` out")
        if unlikely := format_warning(format):
            message, help = unlikely.message, unlikely.help
            self.context.report(warning("Q309", message, expression.span, help=help))
        return format

    # ---- findings ----------------------------------------------------------------------------

    def _report_unfitting(self) -> None:
        for found in self.unfitting.values():
            others = f" and {found.count - 1} others" if found.count > 1 else ""
            message = f"{found.wrong.message} of `{found.path}`{others}"
            place = [(found.made, f"`{found.path}` is {list(found.parameter.shape)}")]
            span, help = found.claim.property.value.span, found.wrong.help
            self.context.report(error("Q307", message, span, secondary=place, help=help))

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
            # the last word by each name; `default` gives way to any rule
            by_name = {c.name: c for c in claims if c.rule.selector is not None}
            values = [(c, self._value(c)) for c in by_name.values()]
            different = [c for c, v in values if v != values[0][1] and v is not None]
            if different and values[0][1] is not None:
                self._report_conflict(owner, values[0][0], different[0])

    def _report_conflict(self, owner: str, first: Claim, second: Claim) -> None:
        message = f"`{first.name}` and `{second.name}` are one storage with two formats"
        place = [(first.property.span, f"`{first.name}` here")]
        wanted, name = (first, second.name) if first.name == owner else (second, first.name)
        rule = f"`{name} {{ weights = {wanted.property.value.span.text} }}`"
        help = f"add {rule} behind both, or let one of them match neither name"
        span, label = second.property.span, f"`{second.name}` here"
        self.context.report(error("Q311", message, span, label, secondary=place, help=help))
