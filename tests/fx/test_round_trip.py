"""Trains, packs, loads and verifies a small model in every format, on every back end here."""

from dataclasses import dataclass
from importlib import import_module

import pytest
import torch

from qdsl import target
from qdsl.diagnostic.model import QdslError
from qdsl.fx import build, load, verify
from qdsl.ir import op
from qdsl.ir.format import F32, ActivationFormat, FloatFormat, PerTensor
from qdsl.ir.layer import Layer
from qdsl.ir.model import Parameter, Role
from qdsl.ir.pattern import NM
from qdsl.layers.conv1d import Conv1d
from qdsl.layers.embedding import Embedding
from qdsl.layers.gru import GRU
from qdsl.layers.layernorm import LayerNorm
from qdsl.layers.linear import Linear
from qdsl.layers.lstm import LSTM

FORMATS = {
    "int8": ("int8", (), {}),
    "int8-tensor": ("int8", (), {"per": "tensor", "scale": "bf16"}),
    "int4-group": ("int4", (), {"group": 8}),
    "int4-search": ("int4", ("asymmetric",), {"group": 8, "clip": "search"}),
    "int3": ("int3", ("asymmetric",), {"scale": "f16"}),
    "int2-half": ("int2", (), {"levels": "half", "clip": 0.5}),
    "int2-float-zero": ("int2", ("asymmetric",), {"group": 8, "zero": "f16"}),
    "ternary": ("ternary", (), {}),
    "threshold": ("ternary", (), {"rule": "threshold", "group": 8}),
    "base3": ("ternary", (), {"pack": "base3"}),
    "uint4": ("uint4", ("asymmetric",), {"group": 8}),
    "binary": ("binary", (), {}),
    "binary-center": ("binary", ("center",), {"ste": "identity"}),
    "learned": ("int2", (), {"clip": "learned", "group": 8, "scale": "f16"}),
    "search-row": (
        "int2",
        (),
        {"clip": "search", "clip_norm": 4, "clip_per": "channel", "group": 8},
    ),
    "nf4": ("nf4", (), {"group": 8}),
    "kmeans2": ("kmeans2", (), {"group": 8, "scale": "bf16"}),
    "kmeans3": ("kmeans3", (), {"per": "tensor"}),
}
DENSE_ONLY = {"int2-half", "int2-float-zero"}
CODEBOOKS = {"nf4", "kmeans2", "kmeans3"}  # products in float
ROUNDED = {"f32": None, "bf16": FloatFormat(), "int8": ActivationFormat()}
BACKENDS = ["reference", "cpu"]


@pytest.fixture(params=BACKENDS)
def backend(request):
    name = request.param
    if name != "reference":
        found = target.backends().get(name)
        if found is None or not found.availability().available:
            pytest.skip(f"back end `{name}` is not here")
    return name


def network(make, format, activations=None):
    """Convolutions, recurrences, an embedding tied to the output, norms in float."""
    members = {
        "conv": Conv1d(8, 16, 3, 2, padding="half"),
        "depthwise": Conv1d(16, 16, 3, padding="causal", groups=16),
        "norm": LayerNorm(16),
        "rnn": LSTM(16, 24, 16),
        "gru": GRU(16, 16),
        "up": Linear(16, 24, bias=False),
        "down": Linear(24, 16),
        "emb": Embedding(10, 16),
        "out": Linear(16, 10),
    }
    products = ("conv", "rnn", "gru", "up", "down", "out")
    maker = make.maker(
        members,
        choose=lambda path: F32 if path.startswith("depthwise") else format,
        activations=dict.fromkeys(products, activations) if activations else {},
        states={"rnn": activations, "gru": activations} if activations else {},
        ties={"out.weight": "emb.weight"},
    )

    def encode(body, x, h, c):
        x = body.call("norm", body.call("depthwise", body.call("conv", x)))
        y, h, c = body.calls("rnn", x, h, c, function="step")
        y = body.call("gru", y)
        return body.call("down", body.call("up", y)), h, c

    inputs = {
        "x": make.type("f32", "B", "T", 8),
        "h": make.type("f32", "B", 16),
        "c": make.type("f32", "B", 24),
    }
    maker.entry("encode", inputs, encode, frozenset(("h", "c")))
    maker.entry(
        "step",
        {"ids": make.type("i64", "B", "U")},
        lambda body, ids: body.call("out", body.call("emb", ids)),
    )
    return maker.model()


X, IDS = torch.randn(2, 9, 8), torch.randint(10, (2, 3))


def trained(model, steps=2):
    program = build(model).to_qat().train()
    optimizer = torch.optim.Adam(program.parameters(), 1e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        y, h, c = program.encode(X)
        (y.square().mean() + h.sum() + c.sum() + program.step(IDS).square().mean()).backward()
        optimizer.step()
    return program.eval()


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "2:4"])
@pytest.mark.parametrize("rounded", ROUNDED)
@pytest.mark.parametrize("name", FORMATS)
def test_what_was_trained_is_what_is_packed(make, tmp_path, backend, name, rounded, sparse):
    if sparse and name in DENSE_ONLY:
        pytest.skip("no code for 0")
    integer = rounded == "int8"
    if name in CODEBOOKS and (integer or (sparse and backend != "reference")):
        pytest.skip("no kernel reads such a codebook")
    word, flags, options = FORMATS[name]
    pattern = {"pattern": NM(2, 4)} if sparse else {}
    format = make.format(word, *flags, **options, **pattern)
    program = trained(network(make, format, ROUNDED[rounded]))
    path = tmp_path / "model.qpack"
    assert program.pack(path) == path.stat().st_size
    report = verify(program, path, [("encode", (X,)), ("step", (IDS,))], backend)
    assert report.ok, str(report)
    assert {r.path for r in report.layers} == {"conv", "rnn", "gru", "up", "down", "emb", "out"}
    with torch.no_grad():
        packed = load(path, backend)
        atol = 1e-4 if rounded == "f32" else 0.02
        for expected, actual in zip(program.encode(X), packed.encode(X), strict=True):
            torch.testing.assert_close(actual, expected, atol=atol, rtol=1e-3)
        program.exact()
        exact = (*program.encode(X), program.step(IDS))
        found = (*packed.encode(X), packed.step(IDS))
        if integer or backend == "reference":
            assert all(torch.equal(a, b) for a, b in zip(exact, found, strict=True))


@pytest.mark.parametrize("word", ["f32", "f16", "bf16"])
def test_float_variants(make, tmp_path, word):
    program = trained(network(make, make.format(word)))
    path = tmp_path / "model.qpack"
    program.pack(path)
    packed = load(path, "reference")
    assert verify(program, path, [("encode", (X,))], "reference").ok
    with torch.no_grad():
        # torch sums some products otherwise where a weight takes no gradient
        for expected, actual in zip(program.encode(X), packed.encode(X), strict=True):
            torch.testing.assert_close(actual, expected, atol=1e-6, rtol=1e-5)


def test_a_float_program_is_packed_as_it_is(make, tmp_path):
    program = build(network(make, make.format("int8"))).eval()
    path = tmp_path / "model.qpack"
    program.pack(path)
    with torch.no_grad():
        expected, actual = program.step(IDS), load(path, "reference").step(IDS)
    torch.testing.assert_close(actual, expected, atol=0.1, rtol=0.1)
    assert not torch.equal(actual, expected)


def test_packing_again_gives_the_same_bytes(make, tmp_path):
    program = trained(network(make, make.format("int4", group=8, pattern=NM(2, 4))))
    for name in "ab":
        program.pack(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_keys_of_a_packed_program_are_the_paths(make, tmp_path):
    program = build(network(make, make.format("int8")))
    program.pack(tmp_path / "m")
    packed = load(tmp_path / "m", "reference")
    assert packed.state_dict().keys() == program.state_dict().keys()
    assert packed.up.weight.dtype == torch.uint8
    assert not list(packed.parameters())


def test_verify_finds_another_model(make, tmp_path):
    program = trained(network(make, make.format("int4", group=8)))
    program.pack(tmp_path / "m")
    other = trained(network(make, make.format("int4", group=8)), steps=3)
    with torch.no_grad():
        other.norm.weight.add_(1)
    report = verify(other, tmp_path / "m", [("encode", (X,))], "reference")
    assert not report.ok
    assert not any(r.codes_equal for r in report.layers)
    assert "norm.weight" in report.stored
    assert "FAIL" in str(report)
    assert "DIFFER" in str(report)


def test_verify_finds_a_wrong_kernel(make, tmp_path, monkeypatch):
    program = trained(network(make, make.format("int8"), ActivationFormat()))
    program.pack(tmp_path / "m")
    wrong = load(tmp_path / "m", "reference")
    with torch.no_grad():
        wrong.down.bias.add_(1e-6)
    module = import_module("qdsl.fx.verify")  # the package has the function of that name
    monkeypatch.setattr(module, "program_of", lambda artifact, backend: wrong)
    report = verify(program, tmp_path / "m", [("encode", (X,))], "reference")
    assert [r.path for r in report.layers if not r.ok] == ["down"]
    assert all(r.codes_equal for r in report.layers)


def test_verify_leaves_the_program_as_it_was(make, tmp_path):
    program = trained(network(make, make.format("int8")))
    program.pack(tmp_path / "m")
    before = {k: v.clone() for k, v in program.state_dict().items()}
    graph = str(program.graph("encode"))
    verify(program, tmp_path / "m", [("encode", (X,))], "reference")
    assert str(program.graph("encode")) == graph
    after = program.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[k], after[k]) for k in before)


def test_unknown_back_ends_and_missing_kernels(make, tmp_path):
    build(network(make, make.format("int8"))).pack(tmp_path / "m")
    with pytest.raises(QdslError, match=r"Q502\] no back end `tpu`"):
        load(tmp_path / "m", "tpu")
    float_weight = make.layer_model(
        Linear(4, 4), make.type("f32", "B", "T", 4), activations=ActivationFormat()
    )
    with pytest.raises(QdslError, match=r"Q510\] .* no kernel for `layer`"):
        build(float_weight).to_qat()


@dataclass(frozen=True)
class Gain(Layer):
    """A parameter of a block, multiplied with the input."""

    def parameters(self):
        return (Parameter("value", (2, 3, 4), Role.WEIGHT, "normal", rows=2),)

    def forward(self, b, x):
        return b.emit(op.Binary("mul"), x, b.emit(op.Read(), parameters=("value",)))


def test_parameters_of_blocks_are_read_back(make, tmp_path):
    format = make.format("int4", group=4)
    program = build(make.layer_model(Gain(), make.type("f32", 2, 3, 4), format=format)).to_qat()
    program.pack(tmp_path / "m")
    x = torch.randn(2, 3, 4)
    with torch.inference_mode():
        packed = load(tmp_path / "m", "reference")
        assert torch.equal(packed(x), program.eval()(x))
        assert torch.equal(packed(x), program.exact()(x))
    assert verify(program, tmp_path / "m", [("forward", (x,))], "reference").ok


def test_grouped_convolutions_of_floats(make, tmp_path, backend):
    grouped = make.layer_model(
        Conv1d(4, 8, 3, groups=2), make.type("f32", "B", "T", 4), format=make.format("int8")
    )
    program = build(grouped).to_qat().eval()
    program.pack(tmp_path / "m")
    x = torch.randn(2, 6, 4)
    packed = load(tmp_path / "m", backend)(x)
    assert torch.allclose(packed, program(x), atol=1e-6)
    if backend == "reference":
        assert torch.equal(packed, program.exact()(x))
    assert verify(program, tmp_path / "m", [("forward", (x,))], backend).ok


@pytest.mark.parametrize("layer", [LSTM(4, 6), GRU(4, 6)], ids=["lstm", "gru"])
def test_a_recurrence_half_in_float(make, tmp_path, layer):
    maker = make.maker(
        {"rnn": layer},
        choose=lambda path: make.format("int8") if path == "rnn.weight_ih" else F32,
    )
    maker.entry(
        "forward", {"x": make.type("f32", "B", "T", 4)}, lambda body, x: body.call("rnn", x)
    )
    program = build(maker.model()).to_qat().eval()
    program.pack(tmp_path / "m")
    x = torch.randn(2, 6, 4)
    assert torch.equal(load(tmp_path / "m", "reference")(x), program(x))


def test_per_tensor_activations_are_per_example(make, tmp_path, backend):
    model = make.layer_model(
        Linear(8, 4),
        make.type("f32", "B", "T", 8),
        format=make.format("int8"),
        activations=ActivationFormat(PerTensor()),
    )
    program = build(model).to_qat().eval()
    program.pack(tmp_path / "m")
    packed = load(tmp_path / "m", backend)
    x = torch.randn(3, 5, 8) * torch.tensor([1.0, 10.0, 100.0]).view(3, 1, 1)
    with torch.no_grad():
        assert torch.equal(packed(x), program.exact()(x))
        assert torch.equal(packed(x)[:1], packed(x[:1]))


def test_a_truncated_file_is_refused(make, tmp_path):
    path = tmp_path / "m"
    build(network(make, make.format("int8"))).pack(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(QdslError, match="Q60"):
        load(path, "reference")
