"""Compiles a graph as a function of the program and its inputs."""

import ast
from collections.abc import Callable, Collection
from functools import reduce
from typing import Any

import torch
from torch import fx

_OPERATIONS = "torch.ops."
_PROGRAM = "self"


def function_of(graph: fx.Graph, name: str, buffers: Collection[str] = ()) -> Callable[..., Any]:
    """The graph as a function of the program and its inputs; `name` is what tracebacks call it.

    The `buffers` of the program, paths that the graph reads, are looked up in the dictionaries of
    its modules: torch.nn.Module's own way takes longer than a small layer.
    """
    code = graph.python_code(_PROGRAM)
    variables: dict[str, Any] = dict(code.globals)
    lookups = _Lookups(frozenset(buffers), variables)
    tree = ast.fix_missing_locations(lookups.visit(ast.parse(code.src)))
    exec(compile(tree, f"<entry {name}>", "exec"), variables)
    function: Callable[..., Any] = variables["forward"]
    return function


class _Lookups(ast.NodeTransformer):
    """Makes a path to a buffer or an operation of torch cost next to nothing."""

    def __init__(self, buffers: frozenset[str], variables: dict[str, Any]) -> None:
        self.buffers, self.variables = buffers, variables

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return self._changed(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        return self._changed(node)  # getattr(self.layers, "0")

    def _changed(self, node: ast.Attribute | ast.Call) -> ast.AST:
        path = _path(node)
        if path is None:
            return self.generic_visit(node)
        root, _, below = path.partition(".")
        if root == _PROGRAM and below in self.buffers:
            return _entry(below)
        if path.startswith(_OPERATIONS):
            return self._operation(path)
        return node

    def _operation(self, path: str) -> ast.Name:
        """A variable that holds the operation."""
        variable = path.replace(".", "_")
        self.variables[variable] = reduce(getattr, path.split(".")[1:], torch)
        return ast.Name(variable, ast.Load())


def _path(node: ast.AST) -> str | None:
    """`a.b.0` of a.b["0"] as graphs write it; None for what is no path from a name."""
    match node:
        case ast.Name(id=name):
            return name
        case (
            ast.Attribute(value=owner, attr=name)
            | ast.Call(func=ast.Name(id="getattr"), args=[owner, ast.Constant(value=str(name))])
        ):
            above = _path(owner)
            return None if above is None else f"{above}.{name}"
    return None


def _entry(path: str) -> ast.expr:
    *modules, name = path.split(".")
    above = "".join(f"._modules[{m!r}]" for m in modules)
    return ast.parse(f"{_PROGRAM}{above}._buffers[{name!r}]", mode="eval").body
