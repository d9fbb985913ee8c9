"""Lays out recipes and targets."""

from typing import assert_never

from qdsl.syntax import tree
from qdsl.syntax.comments import Comments
from qdsl.syntax.layout import Doc, Group
from qdsl.syntax.write.expressions import expression
from qdsl.syntax.write.lists import body
from qdsl.syntax.write.policies import property_, quantity


def recipe(comments: Comments, node: tree.Recipe) -> Doc:
    region = (node.name.span.end, node.span.end)
    return [f"recipe {node.name.text}", body(comments, node.steps, step, region)]


def step(comments: Comments, node: tree.Property | tree.Stage) -> Doc:
    """The properties of a stage stand on one line where they fit."""
    match node:
        case tree.Property():
            return property_(comments, node)
        case tree.Stage(name, properties):
            region = (name.span.end, node.span.end)
            inside = body(comments, properties, property_, region, inline=True)
            return Group([f"stage {name.text}", inside])
        case _:
            assert_never(node)


def target(comments: Comments, node: tree.Target) -> Doc:
    base = f" extends {node.base.text}" if node.base else ""
    region = (node.name.span.end, node.span.end)
    return [f"target {node.name.text}{base}", body(comments, node.traits, trait, region)]


def trait(comments: Comments, node: tree.Trait) -> Doc:
    value = node.value
    if isinstance(value, tree.Quantity):
        return f"{node.name.text} = {quantity(value)}"
    return [f"{node.name.text} = ", expression(comments, value)]
