"""Lays out policies, selectors, budgets and variants."""

from collections.abc import Sequence
from itertools import pairwise
from typing import assert_never

from qdsl.syntax import tree
from qdsl.syntax.comments import Comments
from qdsl.syntax.layout import Doc, Group
from qdsl.syntax.write.expressions import expression
from qdsl.syntax.write.lists import Region, body


def policy(comments: Comments, node: tree.Policy) -> Doc:
    model = f" for {node.model.text}" if node.model else ""
    base = f" extends {node.base.text}" if node.base else ""
    region = (node.name.span.end, node.span.end)
    return [f"policy {node.name.text}{model}{base}", body(comments, node.rules, rule, region)]


def rule(comments: Comments, node: tree.Rule) -> Doc:
    """The properties stand on one line where they fit."""
    head = "default"
    if node.selector:
        path = selector(node.selector)
        first = node.selector.segments[0].globs
        if not node.optional and first in (("default",), ("optional",)):
            path = f"{{{first[0]}}}{path.removeprefix(first[0])}"
        head = f"optional {path}" if node.optional else path
    start = node.selector.span.end if node.selector else node.span.start
    inside = body(comments, node.properties, property_, (start, node.span.end), inline=True)
    return Group([head, inside])


def property_(comments: Comments, node: tree.Property) -> Doc:
    return [node.name.text, " = ", expression(comments, node.value)]


def selector(node: tree.Selector) -> str:
    path = ".".join(segment(s) for s in node.segments)
    return f"{path}:{node.kind.text}" if node.kind else path


def segment(node: tree.Segment) -> str:
    globs = ", ".join(node.globs)
    name = f"{{{globs}}}" if len(node.globs) > 1 else globs
    if node.indices is None:
        return name
    return f"{name}[{', '.join(map(index_range, node.indices)) or '*'}]"


def index_range(node: tree.IndexRange) -> str:
    start = "" if node.start is None else str(node.start)
    stop = "" if node.stop is None else str(node.stop)
    return start if node.single else f"{start}..{stop}"


def budget(comments: Comments, node: tree.Budget) -> Doc:
    region = (node.name.span.end, node.span.end)
    return [f"budget {node.name.text}", limits(comments, node.limits, region)]


GOES_ON = frozenset("B KB KiB MB MiB GB GiB K M G x over".split())
"""Words that would be taken for the end of the limit before them."""


def limits(
    comments: Comments, nodes: Sequence[tree.Limit], region: Region, *, inline: bool = False
) -> Doc:
    ends = {id(node) for node, after in pairwise(nodes) if after.measure.text in GOES_ON}

    def write(comments: Comments, node: tree.Limit) -> Doc:
        return [limit(comments, node), ";" if id(node) in ends else ""]

    return body(comments, nodes, write, region, inline=inline)


def limit(comments: Comments, node: tree.Limit) -> Doc:
    parts: list[Doc] = [f"{node.measure.text}({selector(node.selector)}"]
    for binding in node.bindings:
        name = binding.name.text if binding.name else ""
        parts.append([f", {name} = ", expression(comments, binding.value)])
    over = f" over {node.over.text}" if node.over else ""
    return [*parts, f") {node.comparison} {quantity(node.quantity)}{over}"]


def quantity(node: tree.Quantity) -> str:
    space = " " if node.unit and node.unit != "%" else ""
    return f"{node.text}{space}{node.unit or ''}"


def variant(comments: Comments, node: tree.Variant) -> Doc:
    base = f" extends {node.base.text}" if node.base else ""
    region = (node.name.span.end, node.span.end)
    return [f"variant {node.name.text}{base}", body(comments, node.settings, setting, region)]


def setting(comments: Comments, node: tree.Setting | tree.PolicyAppend | tree.BudgetAppend) -> Doc:
    region = (node.span.start, node.span.end)
    match node:
        case tree.Setting(path, value):
            return [".".join(name.text for name in path), " = ", expression(comments, value)]
        case tree.PolicyAppend(rules):
            short = len(rules) == 1
            return Group(["policy +=", body(comments, rules, rule, region, inline=short)])
        case tree.BudgetAppend(added):
            return Group(["budget +=", limits(comments, added, region, inline=len(added) == 1)])
        case _:
            assert_never(node)
