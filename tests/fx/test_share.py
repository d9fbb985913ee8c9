"""Checks that equal values are computed once, and unequal ones are not taken for equal."""

import operator

import pytest
import torch
from torch import fx

from qdsl.fx.share import share


def both(first, second):
    """How many calls are left of x.abs(), then `first` and `second` of it, then their sum."""
    graph = fx.Graph()
    x = graph.call_method("abs", (graph.placeholder("x"),))
    made = [graph.call_function(f, (x, *arguments)) for f, *arguments in (first, second)]
    graph.output(graph.call_function(operator.add, tuple(made)))
    before = fx.GraphModule({}, graph)(torch.ones(3, 4))
    module = fx.GraphModule({}, share(graph))
    assert torch.equal(module(torch.ones(3, 4)), before)
    return sum(n.op == "call_function" for n in graph.nodes)


@pytest.mark.parametrize(
    "call",
    [
        (torch.sum, 1),
        (operator.mul, 0.5),
        (operator.getitem, (slice(None, 2), None)),
        (torch.permute, [1, 0]),
    ],
)
def test_equal_ones(call):
    assert both(call, call) == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((operator.mul, 1), (operator.mul, 1.0)),
        ((operator.mul, True), (operator.mul, 1)),
        ((operator.mul, 0.0), (operator.mul, -0.0)),
        ((operator.getitem, slice(0, 2)), (operator.getitem, slice(1, 3))),
        ((torch.sum, 1), (torch.mean, 1)),
    ],
)
def test_unequal_ones(first, second):
    assert both(first, second) == 3


def test_what_follows_equal_ones_is_equal():
    graph = fx.Graph()
    x = graph.placeholder("x")
    made = [graph.call_function(torch.exp, (graph.call_function(torch.sin, (x,)),)) for _ in "ab"]
    graph.output(graph.call_function(operator.add, tuple(made)))
    share(graph)
    assert [n.target for n in graph.nodes][1:-1] == [torch.sin, torch.exp, operator.add]
