"""Makes units of blocks and layers: arguments bound, constraints checked, equal ones made once."""

import re
from dataclasses import dataclass, field, replace

from qdsl.ir.layer import LayerError
from qdsl.ir.model import Module
from qdsl.sema.arguments import Given, bind_block, bind_layer, positional_and_named
from qdsl.sema.context import Context, Stop
from qdsl.sema.interior import Interior
from qdsl.sema.limits import MAX_PARAMETERS
from qdsl.sema.static import StaticEvaluator
from qdsl.sema.values import BlockValue, LayerKind, Static, Unit
from qdsl.source import Span
from qdsl.syntax import tree


@dataclass(eq=False)
class Units:
    """Makes units, each distinct one once."""

    context: Context
    made: dict[object, Unit | None] = field(default_factory=dict)
    making: set[object] = field(default_factory=set)

    def instantiate(
        self, callee: BlockValue | LayerKind, call: tree.Call, evaluator: StaticEvaluator
    ) -> Unit:
        """The unit a call makes; raises Stop after reporting."""
        given = positional_and_named(call, evaluator)
        if isinstance(callee, LayerKind):
            return self._layer(callee, given, call.span)
        arguments = bind_block(callee, given, call.span, evaluator)
        what = f"in this `{callee.definition.name.text}`"
        return self.block(callee, arguments, call.span, what)

    def block(self, block: BlockValue, arguments: dict[str, Static], span: Span, what: str) -> Unit:
        """The unit of a block with all its arguments known; `what` is made of it at `span`."""
        key = (block, *arguments.items())
        if key in self.making:
            message = f"`{block.definition.name.text}` contains itself"
            raise self.context.stop("Q220", message, span)
        if key not in self.made:
            self.made[key] = None  # stays None when making it fails, which is reported once
            self._check_where(block, arguments, span)
            self.making.add(key)
            try:
                with self.context.within(span, what):
                    self.made[key] = self._make(block, arguments)
            finally:
                self.making.discard(key)
        unit = self.made[key]
        if unit is None:
            raise Stop
        return unit

    def _layer(self, kind: LayerKind, given: Given, span: Span) -> Unit:
        arguments = bind_layer(kind, given, span, self.context)
        key = (kind.name, *sorted(arguments.items()))
        if made := self.made.get(key):
            return made
        try:
            layer = kind.layer(**arguments)
            parameters = layer.parameters()
        except LayerError as wrong:
            raise self.context.stop("Q206", f"`{kind.name}`: {wrong}", span) from None
        own = tuple(replace(p, span=span) for p in parameters)
        numel = sum(p.numel for p in own)
        check_numel(numel, kind.name, span, self.context)
        module = Module(kind.name, True, own, {}, span)
        unit = Unit(module, layer, {}, parts=1 + len(own), numel=numel)
        self.made[key] = unit
        return unit

    def _check_where(self, block: BlockValue, arguments: dict[str, Static], span: Span) -> None:
        evaluator = StaticEvaluator(self.context, block.scope, arguments, self.instantiate)
        for condition in block.definition.where:
            if evaluator.boolean(condition):
                continue
            numbers = {n: v for n, v in arguments.items() if isinstance(v, int | float)}
            words = re.findall(r"\w+", condition.span.text)
            shown = [f"{n} = {str(v).lower()}" for n, v in numbers.items() if n in words]
            message = f"`{condition.span.text}` does not hold for `{block.definition.name.text}`"
            why = [(condition.span, "required here")]
            label = ", ".join(shown)
            raise self.context.stop("Q207", message, span, label, secondary=why)

    def _make(self, block: BlockValue, arguments: dict[str, Static]) -> Unit:
        interior = Interior(self.context, self.instantiate, block, dict(arguments))
        for member in block.definition.members:
            interior.add(member)
        unit = interior.finish()
        check_numel(unit.numel, unit.kind, block.definition.name.span, self.context)
        return unit


def check_numel(numel: int, kind: str, span: Span, context: Context) -> None:
    """Reports weights that nobody has the memory for."""
    if numel > MAX_PARAMETERS:
        message = f"`{kind}` has {numel:,} parameters"
        help = f"the limit is {MAX_PARAMETERS:,}"
        raise context.stop("Q208", message, span, help=help)
