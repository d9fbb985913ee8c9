"""Holds functions to their rules: names, loops, branches, pipes, arrays, optional inputs."""

from collections.abc import Callable

import pytest

from qdsl.ir import op
from qdsl.ir.flat import Graph
from qdsl.sema.compile import Variant

Codes = Callable[..., list[str]]
Graphs = Callable[..., Graph]


def net(body: str, members: str = "map = Linear(d -> d)", inputs: str = "x: f32[B, T, d]") -> str:
    return f"model Net(d: int = 8) {{ {members} entry run({inputs}) {{ {body} }} }}"


def operations(graph: Graph) -> list[op.Op]:
    return [n.node.op for n in graph.nodes]


# ---- values --------------------------------------------------------------------------------------


def test_rebinding_makes_a_new_value(graph: Graphs) -> None:
    made = graph(net("y = x  x = map(x)  x = x + y  return x"))
    linear, add = (n.node for n in made.nodes)
    assert add.inputs == (linear.outputs[0], 0)


def test_a_pipe_is_a_first_argument(graph: Graphs) -> None:
    piped = graph(net("return x |> map |> softmax(axis = 1) |> pad(1, 2, 0)"))
    plain = graph(net("return pad(softmax(map(x), axis = 1), 1, 2, 0)"))
    assert piped.nodes == plain.nodes


def test_pipes_bind_loosest(graph: Graphs) -> None:
    made = graph(net("return x + x * 2.0 |> map"))
    assert isinstance(operations(made)[-1], op.Linear)


def test_values_are_named_after_their_function(graph: Graphs) -> None:
    made = graph(net("scores = x * 2.0  return scores"))
    assert [n.node.name for n in made.nodes] == ["run.scores", "run.scores"]


def test_results_of_calls_may_be_several(graph: Graphs) -> None:
    made = graph(
        net(
            "y, h, _ = cell.step(x, h, c)  return y, h",
            members="cell = LSTM(d, d)",
            inputs="x: f32[B, T, d], h: f32[B, d] = zeros, c: f32[B, d] = zeros",
        )
    )
    (node,) = made.nodes
    assert made.outputs == node.node.outputs[:2]


def test_calls_of_one_layer_share_it(variant: Callable[..., Variant]) -> None:
    model = variant(net("return map(map(x))")).model
    assert [s.path for s in model.storages] == ["map.weight", "map.bias"]


# ---- for -----------------------------------------------------------------------------------------


def test_a_loop_carries_what_it_rebinds(graph: Graphs) -> None:
    made = graph(net("y = x  for i in 0..3 { y = map(y) }  return y"))
    assert len(made.nodes) == 3
    assert made.outputs == made.nodes[-1].node.outputs
    for before, after in zip(made.nodes, made.nodes[1:], strict=False):
        assert after.node.inputs == before.node.outputs


def test_the_index_is_a_number(graph: Graphs) -> None:
    made = graph(net("for i in 1..3 { x = x * (2 * i) }  return x"))
    assert [o.value for o in operations(made) if isinstance(o, op.Scalar)] == [2.0, 4.0]


def test_no_rounds(graph: Graphs) -> None:
    assert graph(net("for i in 3..3 { x = map(x) }  return x")).nodes == ()
    assert graph(net("for i in 3..0 { x = map(x) }  return x")).nodes == ()


def test_names_of_a_loop_stay_inside(codes: Codes) -> None:
    assert codes(net("for i in 0..3 { y = map(x) }  return y")) == ["Q101"]
    assert codes(net("for i in 0..3 { x = map(x) }  return pad(x, 1, i, 0)")) == ["Q101"]


def test_loops_nest(graph: Graphs) -> None:
    made = graph(net("for i in 0..2 { for j in 0..3 { x = map(x) } }  return x"))
    assert len(made.nodes) == 6


# ---- if ------------------------------------------------------------------------------------------


def test_branches_are_chosen_at_compile_time(graph: Graphs) -> None:
    assert operations(graph(net("return if d == 8 { map(x) } else { relu(x) }"))) == [op.Linear()]
    made = graph(net("return if d < 8 { map(x) } else if d == 8 { relu(x) } else { x }"))
    assert operations(made) == [op.Unary("relu")]


def test_branches_have_values_of_their_own(graph: Graphs, codes: Codes) -> None:
    made = graph(net("y = if d == 8 { a = map(x)  a + x } else { x }  return y"))
    assert operations(made) == [op.Linear(), op.Binary("add")]
    assert codes(net("y = if d == 8 { a = map(x)  a } else { x }  return y + a")) == ["Q101"]


def test_branches_may_yield_several(graph: Graphs) -> None:
    made = graph(net("y, z = if d == 8 { x, map(x) } else { map(x), x }  return z"))
    assert made.outputs == made.nodes[0].node.outputs


def test_what_is_not_chosen_is_not_elaborated(graph: Graphs, codes: Codes) -> None:
    assert graph(net("return if d == 8 { x } else { reshape(x, 3) }")).nodes == ()
    # but its names are read
    assert codes(net("return if d == 8 { x } else { rehsape(x, 3) }")) == ["Q101"]


@pytest.mark.parametrize(
    ("condition", "known"),
    [
        ("T == T", True),
        ("T + 1 == T", True),
        ("T < T + 1", True),
        ("2 * T // 2 == T", True),
        ("T == 4", False),
        ("T < B", False),
        ("x < 1.0", False),
        ("d", False),
        ("not d == 8 or d // 8 == 1 and true", True),
    ],
)
def test_conditions_are_known_or_told(codes: Codes, condition: str, known: bool) -> None:
    found = codes(net(f"return if {condition} {{ x }} else {{ x * 2.0 }}"))
    assert found == ([] if known else ["Q201"])


# ---- functions -----------------------------------------------------------------------------------

BLOCK = """
block Gate(d: int) {{
    map = Linear(d -> d)
    fn inner(x: f32[B, T, d]) -> f32[B, T, d] {{ return map(x) }}
    fn outer(x: f32[B, T, d], by: f32[B, T, d] = none) {{
        y = inner(x) |> inner
        return if by is none {{ y }} else {{ y * by }}
    }}
    forward(x: f32[B, T, d]) {{ return {forward} }}
}}
"""


def gated(body: str, forward: str = "outer(x)") -> str:
    return BLOCK.format(forward=forward) + net(body, members="gate = Gate(d)")


def test_functions_call_earlier_functions(graph: Graphs) -> None:
    made = graph(gated("return gate(x)"))
    assert [n.path for n in made.nodes] == ["gate.map", "gate.map"]


def test_optional_inputs(graph: Graphs, codes: Codes) -> None:
    assert len(graph(gated("return gate.outer(x)")).nodes) == 2
    assert len(graph(gated("return gate.outer(x, by = x)")).nodes) == 3
    assert len(graph(gated("return gate.outer(x, none)")).nodes) == 2
    assert codes(gated("return gate.inner(none)")) == ["Q205"]
    assert codes(gated("return gate.inner()")) == ["Q205"]


def test_optional_inputs_are_passed_on(graph: Graphs) -> None:
    text = """
        block Outer(d: int) {
            gate = Gate(d)
            forward(x: f32[B, T, d], by: f32[B, T, d] = none) { return gate.outer(x, by) }
        }
    """
    made = graph(BLOCK.format(forward="x") + text + net("return o(o(x), x)", "o = Outer(d)"))
    assert [type(o) for o in operations(made)] == [op.Linear] * 4 + [op.Binary]


def test_activations_are_arguments(graph: Graphs) -> None:
    text = """
        block Ff(d: int, act: activation = silu) {
            map = Linear(d -> d)
            forward(x: f32[B, T, d]) { return map(x) |> act }
        }
    """
    assert operations(graph(text + net("return f(x)", "f = Ff(d)")))[-1] == op.Unary("silu")
    assert operations(graph(text + net("return f(x)", "f = Ff(d, gelu)")))[-1] == op.Unary("gelu")


def test_blocks_are_arguments(variant: Callable[..., Variant]) -> None:
    text = """
        block Residual(inner: block, d: int) {
            body = inner(d, d)
            forward(x: f32[B, T, d]) -> f32[B, T, d] { return x + body(x) }
        }
        block Twice(d: int, out: int) {
            a = Linear(d -> d)
            b = Linear(d -> out)
            forward(x: f32[B, T, d]) { return a(x) |> b }
        }
    """
    members = "r = Residual(Linear, d)  s = Residual(Twice, d)"
    model = variant(text + net("return r(x) |> s", members)).model
    paths = [s.path for s in model.storages if s.path.endswith("weight")]
    assert paths == ["r.body.weight", "s.body.a.weight", "s.body.b.weight"]


def test_blocks_of_equal_text_stay_apart(variant: Callable[..., Variant]) -> None:
    def other(width: int) -> str:
        return f"const width = {width} block Map(d: int) {{ inner = Linear(d -> width) }}"

    text = """
        import .one { a }
        import .two { b }
        block Wrap(kind: block, d: int) { inner = kind(d) }
        model Net(d: int = 8) {
            x = Wrap(a, d)
            y = Wrap(b, d)
            entry run(x1: f32[B, d]) { return x1 }
        }
    """
    one, two = (other(w).replace("block Map", f"block {n}") for w, n in ((2, "a"), (4, "b")))
    model = variant(text, one=one, two=two.replace("block b", "block b")).model
    assert [s.parameter.shape for s in model.storages[::2]] == [(2, 8), (4, 8)]
