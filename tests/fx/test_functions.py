"""Runs lowered tensor functions on sizes that differ from call to call."""

import pytest
import torch

from qdsl.diagnostic.model import QdslError
from qdsl.fx import build
from qdsl.ir import op
from qdsl.ir.shape import ONE, dim
from qdsl.layers.linear import Linear


@pytest.fixture
def program(make):
    """A program of one function: `program({"x": type}, lambda b, x: …)`."""

    def compile(inputs, function, zeros=frozenset()):
        maker = make.maker({"unused": Linear(1, 1)})
        body = lambda body, *values: function(body.b, *values)  # noqa: E731
        return build(maker.entry("forward", inputs, body, zeros).model())

    return compile


@pytest.fixture
def run(program, make):
    """`run(function, x, …)`; axes of equal size in one call have one name."""

    def call(function, *tensors):
        words = {torch.float32: "f32", torch.int64: "i64", torch.bool: "bool"}
        types = {
            f"x{i}": make.type(words[t.dtype], *(f"N{n}" for n in t.shape))
            for i, t in enumerate(tensors)
        }
        return program(types, function)(*tensors)

    return call


UNARY = {
    "silu": torch.nn.functional.silu,
    "gelu": torch.nn.functional.gelu,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "sin": torch.sin,
    "cos": torch.cos,
    "neg": torch.neg,
    "abs": torch.abs,
}


@pytest.mark.parametrize("function", list(UNARY))
def test_unary(run, function):
    x = torch.rand(2, 3)
    assert torch.equal(run(lambda b, v: b.emit(op.Unary(function), v), x), UNARY[function](x))


def test_not(run):
    x = torch.tensor([True, False])
    assert run(lambda b, v: b.emit(op.Unary("not"), v), x).tolist() == [False, True]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("function", ["add", "sub", "mul", "div", "lt", "ge", "eq"])
def test_binary_with_a_number(run, function, reverse):
    x = torch.tensor([1.0, 2.0, 4.0])

    def body(b, v):
        two = b.emit(op.Scalar(2.0))
        return b.emit(op.Binary(function), *((two, v) if reverse else (v, two)))

    name = {"div": "true_divide", "lt": "less", "ge": "greater_equal"}.get(function, function)
    two = torch.tensor(2.0)
    expected = getattr(torch, name)(*((two, x) if reverse else (x, two)))
    assert torch.equal(run(body, x), expected)


def test_numbers_alone_become_tensors(run):
    x = torch.zeros(2)

    def body(b, v):
        total = b.emit(op.Binary("add"), b.emit(op.Scalar(2.0)), b.emit(op.Scalar(0.5)))
        return total, b.emit(op.Scalar(3)), b.emit(op.Binary("mul"), v, total)

    total, three, product = run(body, x)
    assert total.item() == 2.5
    assert (three.item(), three.dtype) == (3, torch.int64)
    assert torch.equal(product, x)


def test_where_with_numbers(run):
    x = torch.tensor([-1.0, 2.0])

    def body(b, v):
        zero = b.emit(op.Scalar(0.0))
        return b.emit(op.Where(), b.emit(op.Binary("lt"), v, zero), zero, v)

    assert run(body, x).tolist() == [0, 2]


def test_integer_division_floors(run):
    x = torch.tensor([-3, 3])

    def body(b, v):
        two = b.emit(op.Scalar(2))
        return b.emit(op.Binary("floordiv"), v, two), b.emit(op.Binary("mod"), v, two)

    quotient, rest = run(body, x)
    assert quotient.tolist() == [-2, 1]
    assert rest.tolist() == [1, 1]


def test_reductions(run):
    x = torch.randn(2, 5)
    for name, function in (("sum", torch.sum), ("mean", torch.mean), ("max", torch.amax)):
        for keep in (True, False):
            result = run(lambda b, v, n=name, k=keep: b.emit(op.Reduce(n, 1, k), v), x)
            assert torch.equal(result, function(x, 1, keep))
    assert torch.equal(run(lambda b, v: b.emit(op.Softmax(1), v), x), x.softmax(1))
    assert torch.equal(run(lambda b, v: b.emit(op.LogSoftmax(-1), v), x), x.log_softmax(-1))


def test_glu(program, make):
    compiled = program({"x": make.type("f32", "B", 6)}, lambda b, v: b.emit(op.Glu(1), v))
    x = torch.randn(2, 6)
    assert torch.equal(compiled(x), x[:, :3] * x[:, 3:].sigmoid())


def test_einsum(run):
    x, y = torch.randn(2, 6), torch.randn(3, 6)
    result = run(lambda b, v, w: b.emit(op.Einsum("ad,bd->ab"), v, w), x, y)
    torch.testing.assert_close(result, x @ y.T)


def test_cast(run):
    x = torch.tensor([0.0, 2.7])
    assert run(lambda b, v: b.emit(op.Cast("i64"), v), x).tolist() == [0, 2]


def test_sizes_are_read_at_run_time(program, make):
    """x [B, T, 4] → zeros [B, T // 2 + 1], range(T), lengths through the same formula."""
    t = dim("T")

    def body(b, x, lengths):
        full = b.emit(op.Full((dim("B"), t // 2 + 1), 7.0, "f32"))
        return full, b.emit(op.Range(t * 2 - 1)), b.emit(op.Length(t // 2 + 1, "T"), lengths)

    types = {"x": make.type("f32", "B", "T", 4), "lengths": make.type("i64", "B")}
    compiled = program(types, body)
    for batch, time in ((2, 5), (1, 8)):
        full, counted, mapped = compiled(torch.zeros(batch, time, 4), torch.full((batch,), time))
        assert full.shape == (batch, time // 2 + 1)
        assert counted.tolist() == list(range(2 * time - 1))
        assert mapped.tolist() == [time // 2 + 1] * batch


def test_a_dim_that_only_stands_in_a_formula(program, make):
    body = lambda b, x: b.emit(op.Range(dim("T")))  # noqa: E731
    compiled = program({"x": make.type("f32", dim("T") * 2 + 1)}, body)
    assert compiled(torch.zeros(9)).tolist() == [0, 1, 2, 3]


def test_a_dim_that_no_input_has(program, make):
    body = lambda b, x: b.emit(op.Range(dim("Z")))  # noqa: E731
    with pytest.raises(QdslError, match="Q501"):
        program({"x": make.type("f32", "T")}, body)


def test_index(run):
    x = torch.randn(4, 6)

    def body(b, v):
        return (
            b.emit(op.Index((op.At(dim(-1)), op.Keep())), v),
            b.emit(op.Index((op.Cut(ONE, None), op.NewAxis(), op.Cut(None, dim("N6") - 2))), v),
        )

    last, part = run(body, x)
    assert torch.equal(last, x[-1])
    assert torch.equal(part, x[1:, None, :-2])


def test_arrangement(run):
    x = torch.randn(4, 6)
    a, b_ = dim("N4"), dim("N6")

    def body(b, v):
        return (
            b.emit(op.Reshape((a * b_, ONE)), v),
            b.emit(op.Transpose((1, 0)), v),
            b.emit(op.Pad(0, ONE, a, -1.0), v),
            b.emit(op.Expand((dim(2), a, b_)), v),
        )

    reshaped, transposed, padded, expanded = run(body, x)
    assert torch.equal(reshaped, x.reshape(24, 1))
    assert torch.equal(transposed, x.T)
    assert torch.equal(padded, torch.nn.functional.pad(x, (0, 0, 1, 4), value=-1))
    assert torch.equal(expanded, x.expand(2, 4, 6))


def test_windows_and_pools(run):
    x = torch.arange(14.0).reshape(7, 2)

    def body(b, v):
        frames = b.emit(op.Windows(0, 3, 2), v)
        return frames, b.emit(op.Pool("max", 0, 2, 2), v), b.emit(op.Pool("mean", 0, 2, 2), v)

    frames, largest, mean = run(body, x)
    assert torch.equal(frames, torch.stack([x[i : i + 3] for i in (0, 2, 4)]))
    assert torch.equal(largest, torch.stack([x[1], x[3], x[5]]))
    assert torch.equal(mean, torch.stack([(x[i] + x[i + 1]) / 2 for i in (0, 2, 4)]))


def test_cat_and_stack(run):
    x, y = torch.randn(2, 3), torch.randn(2, 3)
    joined = run(lambda b, v, w: b.emit(op.Cat(1), v, w), x, y)
    assert torch.equal(joined, torch.cat((x, y), 1))
    stacked = run(lambda b, v, w: b.emit(op.Stack(0), v, w), x, y)
    assert torch.equal(stacked, torch.stack((x, y)))


def test_gather(run):
    x, ids = torch.randn(2, 3), torch.tensor([[2, 0, 1], [1, 1, 1]])
    result = run(lambda b, v, i: b.emit(op.Gather(1), v, i), x, ids)
    assert torch.equal(result, torch.take_along_dim(x, ids, 1))


def test_index_update(program, make):
    types = {
        "x": make.type("f32", "B", 6, 2),
        "values": make.type("f32", "B", 2, 2),
        "at": make.type("i64"),
    }
    compiled = program(types, lambda b, *v: b.emit(op.IndexUpdate(1), *v))
    x, values = torch.zeros(1, 6, 2), torch.ones(1, 2, 2)
    result = compiled(x, values, torch.tensor(3))
    assert result[0, :, 0].tolist() == [0, 0, 0, 1, 1, 0]
    assert not x.any()


@pytest.mark.parametrize(("queries", "keys"), [(4, 4), (2, 5), (1, 3)])
def test_relative_shift(program, make, queries, keys):
    types = {"x": make.type("f32", "H", "T", dim("S") * 2 - 1)}
    compiled = program(types, lambda b, x: b.emit(op.RelativeShift(), x))
    x = torch.randn(3, queries, 2 * keys - 1)
    result = compiled(x)
    assert result.shape == (3, queries, keys)
    for t in range(queries):
        for s in range(keys):
            distance = keys - queries + t - s  # from key s to query t, the last ones together
            assert torch.equal(result[:, t, s], x[:, t, keys - 1 - distance])


def test_states_may_be_left_out(program, make):
    types = {"x": make.type("f32", "B", 3), "h": make.type("f32", "B", 3)}
    types["y"] = make.type("f32", "B", 3)
    add = op.Binary("add")
    compiled = program(
        types, lambda b, x, h, y: b.emit(add, b.emit(add, x, h), y), frozenset(["h"])
    )
    x = torch.randn(2, 3)
    assert torch.equal(compiled(x, y=x), x + x)
    assert torch.equal(compiled(x, x, x), x + x + x)
    with pytest.raises(TypeError, match="missing input `y`"):
        compiled(x)
