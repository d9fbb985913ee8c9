"""Checks which results are computed in the memory of an operand, and that nothing else changes."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from qdsl.fx import load
from qdsl.spec import load_spec

SPEC = """qspec 1
model Net {{
    up = Linear(8 -> 8)
    down = Linear(8 -> 8)
    one = Linear(8 -> 1)

    entry run(x: f32[B, T, 8]) -> {results} {{
        {body}
    }}
}}
policy p for Net {{ default {{ weights = int4 }}  **:Linear {{ activations = int8(dynamic) }} }}
variant v {{ model = Net  policy = p }}
"""
WHOLE = "f32[B, T, 8]"

IN_PLACE = {
    "a number on either side": ("return (2.0 * up(x)) / 3.0", ["mul_", "div_"]),
    "the left of a difference": ("return up(x) - x", ["sub_"]),
    "either side of a sum": ("return x + tanh(up(x))", ["tanh_", "add_"]),
    "a smaller value added": ("return up(x) + one(x)", ["add_"]),
    "a value with itself": ("y = up(x)\n        return y * y", ["mul_"]),
    "functions": ("return tanh(exp(sigmoid(up(x))))", ["sigmoid_", "exp_", "tanh_"]),
    "silu": ("return silu(up(x))", [F.silu]),
    "softmax": ("return softmax(up(x) / 2.0)", ["div_", torch.softmax]),
    "behind another one": ("return relu(up(x) - x) * x", ["sub_", "relu_", "mul_"]),
}
ELSEWHERE = {
    "an input": "return relu(x) |> up",
    "the right of a difference": "return x - up(x)",
    "a value that is read twice": "y = up(x)\n        return y - sigmoid(y)",
    "a value that is given out": "y = up(x)\n        return exp(y), y",
    "a result of another shape": "return one(x) - x",
    "a view": "return exp(reshape(up(x), B, T, 8))",
}


def packed(folder, body):
    count = 2 if "exp(y), y" in body else 1
    text = SPEC.format(body=body, results=", ".join([WHOLE] * count))
    (folder / "net.qspec").write_text(text)
    trained = load_spec(folder / "net.qspec").variants["v"].program(seed=0).to_qat().eval()
    trained.pack(folder / "net.qpack")
    return load(folder / "net.qpack", "cpu")


def in_place(program):
    nodes = program.graph("run").nodes
    methods = [n.target for n in nodes if n.op == "call_method" and n.target.endswith("_")]
    return methods + [n.target for n in nodes if n.kwargs.get("inplace") or "out" in n.kwargs]


def check_equal(program):
    x = torch.randn(2, 5, 8)
    x[0, 1, 2] = float("nan")
    given = x.clone()
    found = program.run(x)
    assert torch.equal(x.nan_to_num(7.0), given.nan_to_num(7.0))
    program.relower(replace(program.lowering, fuses=False))
    expected = program.run(x)
    for a, b in zip(results(found), results(expected), strict=True):
        assert torch.equal(a.nan_to_num(7.0), b.nan_to_num(7.0))


def results(found):
    return found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_the_memory_of_an_operand(name, tmp_path):
    body, expected = IN_PLACE[name]
    program = packed(tmp_path, body)
    assert in_place(program) == expected
    check_equal(program)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_in_its_own_memory(name, tmp_path):
    program = packed(tmp_path, ELSEWHERE[name])
    assert in_place(program) == []
    check_equal(program)


@pytest.mark.parametrize("dim", [0, 1, -1])
@pytest.mark.parametrize("shape", [(3, 17), (2, 5, 1999), (64, 40, 33), (1, 1)])
def test_torch_computes_softmax_in_place(shape, dim):
    x = torch.randn(shape) * 5
    expected = torch.softmax(x, dim)
    assert torch.equal(torch.softmax(x, dim, out=x), expected)
    assert torch.equal(x, expected)
