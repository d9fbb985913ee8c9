"""Takes programs out of Python's hands: export, graph modules, data-parallel training."""

from copy import deepcopy

import pytest
import torch
import torch.distributed as dist
from torch.export import Dim, export
from torch.nn.parallel import DistributedDataParallel
from torch.testing import assert_close

from qdsl import target
from qdsl.fx import build, load
from qdsl.ir.format import ActivationFormat
from qdsl.layers.conv1d import Conv1d
from qdsl.layers.embedding import Embedding
from qdsl.layers.gru import GRU
from qdsl.layers.linear import Linear
from qdsl.layers.lstm import LSTM


@pytest.fixture
def model(make):
    maker = make.maker(
        {
            "conv": Conv1d(8, 8, 3),
            "rnn": LSTM(8, 8),
            "gru": GRU(8, 8),
            "out": Linear(8, 4),
            "emb": Embedding(5, 8),
        },
        choose=lambda path: make.format("int4", group=4),
        activations={"out": ActivationFormat(), "conv": ActivationFormat()},
    )
    inputs = {"x": make.type("f32", "B", "T", 8), "h": make.type("f32", "B", 8)}

    def encode(body, x, h):
        y, h, _ = body.calls("rnn", body.call("conv", x), h, h, function="step")
        return body.call("out", body.call("gru", y)), h

    maker.entry("encode", inputs, encode, frozenset(["h"]))
    maker.entry("forward", {"ids": make.type("i64", "B")}, lambda body, x: body.call("emb", x))
    return maker.model()


X, H = torch.randn(2, 7, 8), torch.randn(2, 8)


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_a_packed_entry_is_exported(model, tmp_path, backend):
    if backend == "cpu" and not target.backends()["cpu"].availability().available:
        pytest.skip("back end `cpu` is not here")
    build(model).pack(tmp_path / "m")
    packed = load(tmp_path / "m", backend)
    time = Dim("time", min=4, max=64)
    exported = export(
        packed.graph_module("encode"), (X, H), dynamic_shapes={"x": {1: time}, "h": None}
    )
    names = {str(n.target) for n in exported.graph.nodes if n.op == "call_function"}
    overload = "default" if backend == "cpu" else "reference"
    assert {f"qdsl.{name}.{overload}" for name in ("linear", "lstm", "gru")} <= names
    longer = torch.randn(2, 11, 8)
    for expected, actual in zip(
        packed.encode(longer, H), exported.module()(longer, H), strict=True
    ):
        assert torch.equal(actual, expected)


@pytest.fixture
def packed(model, tmp_path):
    if not target.backends()["cpu"].availability().available:
        pytest.skip("back end `cpu` is not here")
    build(model).pack(tmp_path / "m")
    return load(tmp_path / "m", "cpu")


def test_a_packed_program_compiles_without_breaks(packed):
    compiled = torch.compile(packed, backend="eager", fullgraph=True)
    ids = torch.tensor([3, 0, 4])
    assert torch.equal(compiled(ids), packed(ids))
    encode = torch.compile(packed.graph_module("encode"), backend="eager", fullgraph=True)
    for expected, actual in zip(packed.encode(X, H), encode(X, H), strict=True):
        assert torch.equal(actual, expected)


def test_functions_read_what_the_modules_hold_now(packed):
    expected = packed.encode(X, H)
    state = {k: v.clone() for k, v in packed.state_dict().items()}
    with torch.no_grad():
        packed.out.bias.add_(1)
    raised, _ = packed.encode(X, H)
    assert_close(raised, expected[0] + 1)
    packed.load_state_dict(state, assign=True)
    assert torch.equal(packed.encode(X, H)[0], expected[0])
    zeros = {"out.bias": torch.zeros(4)}
    call = lambda program: torch.func.functional_call(program, zeros, (X, H))  # noqa: E731
    with packed.replaced({"forward": packed._functions["encode"]}):
        without, _ = call(packed)
    assert_close(without, expected[0] - packed.out.bias)
    copied, _ = deepcopy(packed).encode(X, H)
    assert torch.equal(copied, expected[0])


def test_a_graph_module_shares_the_parameters(model):
    program = build(model)
    module = program.graph_module("encode")
    assert module.get_parameter("conv.weight") is program.conv.weight
    with torch.no_grad():
        program.conv.weight.mul_(2)
    for expected, actual in zip(program.encode(X), module(X), strict=True):
        assert torch.equal(actual, expected)


def test_generated_code_can_be_read(model):
    code = build(model).graph("encode").python_code("self").src
    assert "self.conv.weight" in code


@pytest.fixture
def process_group(tmp_path):
    dist.init_process_group("gloo", f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("process_group")
def test_data_parallel_training(make):
    model = make.layer_model(
        Linear(4, 4), make.type("f32", "B", 4), format=make.format("int4", group=4)
    )
    program = build(model).to_qat()
    wrapped = DistributedDataParallel(program)
    wrapped(torch.randn(2, 4)).sum().backward()
    assert program.layer.weight.grad is not None
    keys = {f"module.{k}" for k in program.state_dict()}
    assert set(wrapped.state_dict()) == keys
    assert "module.layer.weight.q.step" in keys
    wrapped.load_state_dict(wrapped.state_dict())
