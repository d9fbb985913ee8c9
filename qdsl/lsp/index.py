"""Finds what every name of a file means."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import assert_never

from qdsl.lsp.definitions import BlockNames, item_symbol
from qdsl.lsp.names import BlockIndex, Found
from qdsl.lsp.selectors import Used, occurrences
from qdsl.lsp.symbol import Kind, Occurrence, Symbol, word
from qdsl.syntax import tree


@dataclass(eq=False)
class FileIndex(BlockIndex):
    """The names of one file, words of the language among them."""

    used: Used = field(init=False)

    def __post_init__(self) -> None:
        self.used = Used(self.scope)

    def names(self) -> Found:
        """Every name, item by item."""
        for item in self.scope.file.items:
            yield from self.item(item)

    def item(self, item: tree.Item) -> Found:
        if not isinstance(item, tree.Import):
            yield Occurrence(item.name.span, item_symbol(item), True)
        match item:
            case tree.Import():
                yield from self._import(item)
            case tree.Const(value=value) | tree.Format(value=value):
                yield from self.expression(value, None)
            case tree.Block():
                yield from self.block(item)
            case tree.Policy(model=model, base=base, rules=rules):
                yield from self.named(model, base)
                yield from self._rules(rules, self.used.models(item))
            case tree.Budget(limits=limits):
                yield from self._limits(limits, self.used.models(item))
            case tree.Recipe():
                yield from self._recipe(item)
            case tree.Target(base=base, traits=traits):
                yield from self.named(base)
                yield from (Occurrence(t.name.span, word(t.name.text)) for t in traits)
            case tree.Variant():
                yield from self._variant(item)
            case _:
                assert_never(item)

    def _import(self, item: tree.Import) -> Found:
        yield from self.named(*item.names)
        span = item.module[0].span.to(item.module[-1].span)
        yield Occurrence(span, Symbol(Kind.MODULE, span.text, node=item))

    # ---- policies, budgets, recipes, variants ------------------------------------------------

    def _rules(self, rules: Iterable[tree.Rule], models: tuple[BlockNames, ...]) -> Found:
        for rule in rules:
            if rule.selector:
                yield from occurrences(rule.selector, models)
                yield from self._kind(rule.selector)
            for p in rule.properties:
                yield Occurrence(p.name.span, word(p.name.text))
                yield from self.expression(p.value, None)

    def _kind(self, selector: tree.Selector) -> Found:
        if kind := selector.kind:
            yield from self.found(kind, self.symbol(kind.text, None))

    def _limits(self, limits: Iterable[tree.Limit], models: tuple[BlockNames, ...]) -> Found:
        for limit in limits:
            yield Occurrence(limit.measure.span, word(limit.measure.text))
            yield from occurrences(limit.selector, models, entries=limit.measure.text == "macs")
            yield from self._kind(limit.selector)
            entry = limit.selector.segments[0].globs[0] if limit.bindings else ""
            for binding in limit.bindings:
                for model in models:
                    function = model.function(entry)
                    if function and binding.name:
                        yield from self.found(binding.name, function.symbols.get(binding.name.text))
                yield from self.expression(binding.value, None)

    def _recipe(self, recipe: tree.Recipe) -> Found:
        stages = {
            s.name.text: Symbol(Kind.STAGE, s.name.text, s.name.span, s, recipe)
            for s in recipe.stages
        }
        for step in recipe.steps:
            match step:
                case tree.Stage(name=name, properties=properties):
                    yield Occurrence(name.span, stages[name.text], True)
                    for p in properties:
                        yield from self._option(p, stages)
                case tree.Property():
                    yield from self._option(step, stages)
                case _:
                    assert_never(step)

    def _option(self, p: tree.Property, stages: dict[str, Symbol]) -> Found:
        yield Occurrence(p.name.span, word(p.name.text))
        match p.value:
            case tree.Call(callee=tree.Name(text="stage"), arguments=(first, *_)) if isinstance(
                first.value, tree.Name
            ):
                yield from self.found(first.value, stages.get(first.value.text))
            case _:
                yield from self.expression(p.value, None)

    def _variant(self, variant: tree.Variant) -> Found:
        yield from self.named(variant.base)
        models = self.used.models(variant)
        for setting in variant.settings:
            match setting:
                case tree.PolicyAppend(rules=rules):
                    yield from self._rules(rules, models)
                case tree.BudgetAppend(limits=limits):
                    yield from self._limits(limits, models)
                case tree.Setting():
                    yield from self._setting(setting, variant, models)
                case _:
                    assert_never(setting)

    def _setting(
        self, setting: tree.Setting, variant: tree.Variant, models: tuple[BlockNames, ...]
    ) -> Found:
        head, *rest = setting.path
        yield Occurrence(head.span, word(head.text))
        if head.text == "model" and rest:
            for model in models:
                yield from self.found(rest[0], model.symbols.get(rest[0].text))
        if head.text == "recipe" and len(rest) == 2:
            recipe = self.used.recipe(variant)
            for stage in recipe.stages if recipe else ():
                if stage.name.text == rest[0].text:
                    symbol = Symbol(Kind.STAGE, stage.name.text, stage.name.span, stage, recipe)
                    yield Occurrence(rest[0].span, symbol)
        if not rest and head.text != "model" and isinstance(setting.value, tree.Name):
            yield from self.named(setting.value)
        else:
            yield from self.expression(setting.value, None)
