"""Holds `repeat` to its rules: it threads the first argument and hands out the others."""

from collections.abc import Callable

import pytest

from qdsl.ir import op
from qdsl.ir.flat import Graph
from qdsl.sema.compile import Variant

CELL = """
block Cell(d: int) {
    map = Linear(d -> d)

    forward(x: f32[B, d], keep: bool[B, d] = none) -> f32[B, d] {
        y = map(x)
        return if keep is none { y } else { where(keep, y, 0.0) }
    }

    fn step(x: f32[B, d], state: f32[B, d], at: i64[]) -> f32[B, d], f32[B, d] {
        return map(x) + state, state * 2.0
    }
}
"""
Codes = Callable[..., list[str]]
Graphs = Callable[..., Graph]


def net(entry: str, count: str = "3", d: str = "d: int = 8") -> str:
    return CELL + f"model Net({d}) {{ cells = repeat {count} {{ Cell(d) }} {entry} }}"


def test_elements_follow_each_other(graph: Graphs) -> None:
    made = graph(net("entry run(x: f32[B, d]) { return cells(x) }"))
    assert [n.path for n in made.nodes] == [f"cells[{i}].map" for i in range(3)]
    for before, after in zip(made.nodes, made.nodes[1:], strict=False):
        assert after.node.inputs == before.node.outputs
    assert made.outputs == made.nodes[-1].node.outputs


def test_other_arguments_go_to_each(graph: Graphs) -> None:
    made = graph(net("entry run(x: f32[B, d], k: bool[B, d]) { return cells(x, keep = k) }"))
    choices = [n.node for n in made.nodes if isinstance(n.node.op, op.Where)]
    assert len(choices) == 3
    assert {n.inputs[0] for n in choices} == {1}


def test_each_hands_out_an_array(graph: Graphs) -> None:
    made = graph(
        net("""entry step(x: f32[B, d], states: [f32[B, d]; 3], at: i64[]) {
            y, states = cells.step(x, each states, at)
            return y, states
        }""")
    )
    assert [i.name for i in made.inputs] == ["x", "states[0]", "states[1]", "states[2]", "at"]
    doubled = [n.node for n in made.nodes if n.node.op == op.Binary("mul")]
    assert [n.inputs[0] for n in doubled] == [1, 2, 3]
    assert len(made.outputs) == 4
    assert made.outputs[1:] == tuple(n.outputs[0] for n in doubled)


def test_each_by_name(graph: Graphs) -> None:
    made = graph(
        net("""entry step(x: f32[B, d], states: [f32[B, d]; 3], at: i64[]) {
            y, _ = cells.step(x, at = at, state = each states)
            return y
        }""")
    )
    sums = [n.node for n in made.nodes if n.node.op == op.Binary("add")]
    assert [n.inputs[1] for n in sums] == [1, 2, 3]


def test_none_is_the_identity(graph: Graphs) -> None:
    made = graph(net("entry run(x: f32[B, d]) { return cells(x) }", count="0"))
    assert made.nodes == ()
    assert made.outputs == (0,)


def test_none_collects_nothing(graph: Graphs) -> None:
    made = graph(
        net(
            """entry step(x: f32[B, d], states: [f32[B, d]; 0], at: i64[]) {
                y, states = cells.step(x, each states, at)
                return y, states
            }""",
            count="0",
        )
    )
    assert [i.name for i in made.inputs] == ["x", "at"]
    assert made.outputs == (0,)


def test_none_of_a_layer(graph: Graphs) -> None:
    made = graph("""
        model Net(d: int = 8) {
            cells = repeat 0 { LSTM(d, d) }
            entry step(x: f32[B, T, d], h: [f32[B, d]; 0], c: [f32[B, d]; 0]) {
                y, h, c = cells.step(x, each h, each c)
                return y, h, c
            }
        }
    """)
    assert made.outputs == (0,)


def test_one_element(graph: Graphs) -> None:
    made = graph(net("entry run(x: f32[B, d]) { return x |> cells[-1] |> cells[0] }"))
    assert [n.path for n in made.nodes] == ["cells[2].map", "cells[0].map"]


def test_an_index_makes_elements_differ(variant: Callable[..., Variant]) -> None:
    model = variant("""
        model Net(widths: [int] = [8, 4, 2, 4]) {
            const last = 3
            maps = repeat last as i { Linear(widths[i] -> widths[i + 1]) }
            entry run(x: f32[B, 8]) { return x |> maps[0] |> maps[1] |> maps[2] }
        }
    """).model
    weights = [s.parameter.shape for s in model.storages if len(s.parameter.shape) == 2]
    assert weights == [(4, 8), (2, 4), (4, 2)]


def test_elements_that_differ_inside_are_threaded(graph: Graphs) -> None:
    made = graph("""
        block Ff(d: int, inner: int) {
            up = Linear(d -> inner)
            down = Linear(inner -> d)
            forward(x: f32[B, d]) -> f32[B, d] { return up(x) |> down }
        }
        model Net(d: int = 8) {
            ffs = repeat 3 as i { Ff(d, d * (i + 1)) }
            entry run(x: f32[B, d]) { return ffs(x) }
        }
    """)
    assert [n.path for n in made.nodes][::2] == ["ffs[0].up", "ffs[1].up", "ffs[2].up"]


def test_a_repeat_may_be_conditional(variant: Callable[..., Variant]) -> None:
    text = """
        model Net(d: int = 8, deep: bool = {deep}) {{
            maps = if deep {{ repeat 2 {{ Linear(d -> d) }} }} else {{ none }}
            entry run(x: f32[B, d]) {{ return if maps is none {{ x }} else {{ maps(x) }} }}
        }}
    """
    assert len(variant(text.format(deep="true")).model.storages) == 4
    assert len(variant(text.format(deep="false")).model.storages) == 0


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("entry run(x: f32[B, d]) { return cells() }", ["Q209"]),
        ("entry run(x: f32[B, d]) { return cells(x = x) }", ["Q209"]),
        ("entry run(x: f32[B, d]) { return cells[3](x) }", ["Q202"]),
        ("entry run(x: f32[B, d]) { return cells[-4](x) }", ["Q202"]),
        ("entry run(x: f32[B, d]) { return cells[0..1](x) }", ["Q201"]),
        ("entry run(x: f32[B, d]) { return cells.map(x) }", ["Q201"]),
        ("entry run(x: f32[B, d]) { return cells.stp(x) }", ["Q101"]),
        (
            "entry run(x: f32[B, d], s: [f32[B, d]; 2], i: i64[])"
            " { return cells.step(x, each s, i) }",
            ["Q209"],
        ),
        (
            "entry run(x: f32[B, d], s: f32[B, d], i: i64[]) { return cells.step(x, each s, i) }",
            ["Q209"],
        ),
        ("entry run(x: f32[B, d]) { return softmax(each x) }", ["Q209"]),
    ],
)
def test_wrong_calls(codes: Codes, entry: str, expected: list[str]) -> None:
    assert codes(net(entry)) == expected


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        ("m = repeat 2 { repeat 2 { Linear(d -> d) } }", ["Q201"]),
        ("m = repeat 2 { d }", ["Q201"]),
        ("m = repeat 2 as i { Linear(d -> i) }", ["Q206"]),
        ("m = repeat 1.5 { Linear(d -> d) }", ["Q201"]),
        ("m = [Linear(d -> d)]", ["Q201"]),
        ("m = Linear(d -> d)(d)", ["Q201"]),
        ("m = d", ["Q201"]),
        ("m = if d == 8 { n = 2 Linear(d -> d) } else { none }", ["Q201"]),
        ("m = Linear(each d)", ["Q209"]),
    ],
)
def test_wrong_members(codes: Codes, member: str, expected: list[str]) -> None:
    text = f"model Net(d: int = 8) {{ {member} entry run(x: f32[B, d]) {{ return x }} }}"
    assert codes(text) == expected
