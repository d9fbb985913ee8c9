"""Makes policies, selectors, budgets and variants."""

from collections.abc import Mapping
from typing import Any

from qdsl.source import Span
from qdsl.syntax import tree
from qdsl.syntax.build.context import Build, Context


def selector(_: Context, span: Span, *parts: tree.Segment | tree.Name | None) -> tree.Selector:
    *segments, kind = parts
    return tree.Selector(
        tuple(s for s in segments if isinstance(s, tree.Segment)),
        kind if isinstance(kind, tree.Name) else None,
        span,
    )


def glob(context: Context, span: Span, *parts: tree.Name | tree.Integer | str) -> str:
    """One name of a path, in which `*` may stand for any run of characters."""
    texts = [part if isinstance(part, str) else part.span.text for part in parts]
    if len(span.text) != sum(map(len, texts)):
        help = "the names of a path are joined by dots, with no spaces: `encoder.blocks`"
        context.report("Q018", "space in a path", span, help=help)
    elif isinstance(parts[0], tree.Integer):
        help = "an index stands in brackets: `blocks[0]`"
        context.report("Q018", f"`{span.text}` is no name", span, help=help)
    return "".join(texts)


def index_range(_: Context, span: Span, start: int | None, stop: int | None) -> tree.IndexRange:
    return tree.IndexRange(start, stop, False, span)


def single_index(_: Context, span: Span, index: int) -> tree.IndexRange:
    return tree.IndexRange(index, None if index == -1 else index + 1, True, span)


def limit(
    _: Context, span: Span, measure: tree.Name, selector: tree.Selector, *rest: Any
) -> tree.Limit:
    *bindings, comparison, quantity, over = rest
    return tree.Limit(measure, selector, tuple(bindings), comparison, quantity, over, span)


def quantity(
    _: Context, span: Span, number: tree.Integer | tree.Float, unit: str | None
) -> tree.Quantity:
    text = number.text if isinstance(number, tree.Float) else number.span.text
    return tree.Quantity(float(number.value), unit, text, span)


POLICIES: Mapping[str, Build] = {
    "policy": lambda c, s, name, model, base, rules: tree.Policy(
        name, model, base, rules, c.doc(s), s
    ),
    "rules": lambda c, s, *rules: rules,
    "rule": lambda c, s, selector, properties: tree.Rule(selector, False, properties, s),
    "optional_rule": lambda c, s, selector, properties: tree.Rule(selector, True, properties, s),
    "default_rule": lambda c, s, properties: tree.Rule(None, False, properties, s),
    "properties": lambda c, s, *properties: properties,
    "property": lambda c, s, name, value: tree.Property(name, value, s),
    "selector": selector,
    "segment": lambda c, s, globs, indices: tree.Segment(globs, indices, s),
    "any_segments": lambda c, s: tree.Segment(("**",), None, s),
    "globs": lambda c, s, *globs: globs,
    "glob": glob,
    "indices": lambda c, s, *indices: indices,
    "index_range": index_range,
    "single_index": single_index,
    "integer": lambda c, s, number: number.value,
    "negative_integer": lambda c, s, number: -number.value,
    "budget": lambda c, s, name, limits: tree.Budget(name, limits, c.doc(s), s),
    "limits": lambda c, s, *limits: limits,
    "limit": limit,
    "binding": lambda c, s, name, value: tree.Argument(name, value, False, s),
    "limit_sign": lambda c, s, sign: sign,
    "quantity": quantity,
    "unit": lambda c, s, unit: unit,
    "variant": lambda c, s, name, base, *settings: tree.Variant(name, base, settings, c.doc(s), s),
    "setting": lambda c, s, path, value: tree.Setting(path, value, s),
    "path": lambda c, s, *names: names,
    "head_word": lambda c, s, word: tree.Name(word, s),
    "policy_append": lambda c, s, rules: tree.PolicyAppend(rules, s),
    "budget_append": lambda c, s, limits: tree.BudgetAppend(limits, s),
}
