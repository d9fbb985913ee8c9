"""Trains, calibrates, packs, loads and verifies models whose values are rounded in ranges."""

from copy import deepcopy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.export import Dim, export

from qdsl.artifact import container
from qdsl.diagnostic.model import QdslError
from qdsl.fx import load, verify
from qdsl.fx.activations import quantize
from qdsl.fx.calibrate import calibrate
from qdsl.fx.numerics.static import centred
from qdsl.fx.ops import operation
from qdsl.fx.products import matmul, rounded
from qdsl.fx.restore import restore_frozen, save_frozen
from qdsl.ir.ranges import ranges
from qdsl.recipes.schedule import Ema, Mse, Percentile
from qdsl.spec import load_spec

LAYERS = """qspec 1
import std.attention { MultiHeadAttention }

model Net {
    conv = Conv1d(8, 16, kernel = 3)
    image = Conv1d(16, 16, kernel = 3, groups = 8)
    attention = MultiHeadAttention(16, 4, causal = true)
    rnn = LSTM(16 -> 24, projection = 16)
    gru = GRU(16 -> 16)
    out = Linear(16 -> 5)

    fn top(y: f32[B, T, 16]) -> f32[B, T, 5] {
        z = relu(out(gru(rnn(y))))
        return z
    }

    entry forward(x: f32[B, T, 8]) {
        y = relu(image(conv(x)))
        return top(attention(y))
    }
}

policy fixed for Net {
    default { weights = int8 }
    **:Linear { activations = int8(asymmetric); output = int8 }
    {conv, image} { activations = int8(asymmetric) }
    rnn { activations = int8; state = int8(asymmetric) }
    gru { activations = uint8(asymmetric); state = int4(levels = full) }
    attention.** { matmul = int8(asymmetric); softmax = uint8 }
    y { output = uint8 }
}

policy moving for Net {
    default { weights = int4(group = 8) }
    image { weights = int8 }
    **:Linear { activations = int8(dynamic); output = int8(dynamic) }
    {conv, image} { activations = int8(dynamic) }
    {rnn, gru} { activations = int8(dynamic); state = int8(dynamic) }
    attention.** { matmul = int8(dynamic); softmax = int8(dynamic, per = tensor) }
}

policy trained for Net {
    default { weights = int8 }
    image { weights = int8 }
    **:Linear { activations = int8(static, clip = learned) }
    {conv, rnn} { activations = int8 }
    {rnn, gru} { state = int8(clip = learned) }
    gru { activations = int8 }
    z { output = uint4(clip = learned) }
    attention.** { softmax = uint8(clip = learned) }
}

variant static { model = Net  policy = fixed }
variant dynamic { model = Net  policy = moving }
variant learned { model = Net  policy = trained }
"""
X = torch.randn(2, 9, 8)


@pytest.fixture(scope="session")
def variants(tmp_path_factory):
    path = tmp_path_factory.mktemp("static") / "net.qspec"
    path.write_text(LAYERS)
    return load_spec(path).variants


def trained(variant, steps=2):
    program = variant.program(seed=0).to_qat().train()
    optimizer = torch.optim.Adam(program.parameters(), 1e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        program(torch.randn(2, 9, 8)).square().mean().backward()
        optimizer.step()
    return program.eval()


@pytest.fixture(scope="session")
def programs(variants):
    """Each variant trained for two steps; tests take copies."""
    torch.manual_seed(1)
    return {name: trained(variants[name]) for name in ("static", "dynamic", "learned")}


@pytest.fixture(params=["static", "dynamic", "learned"])
def program(request, programs):
    return deepcopy(programs[request.param])


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_what_was_trained_is_what_is_packed(program, backend, tmp_path):
    path = tmp_path / "net.qpack"
    assert program.pack(path) == path.stat().st_size
    near = program(X)
    packed, exact = load(path, backend), deepcopy(program).exact()
    assert torch.equal(packed(X), exact(X))
    assert (exact(X) - near).abs().max() < 0.05 * near.abs().max()
    report = verify(program, path, [("forward", [X])], backend)
    assert report.ok, str(report)
    found = {(r.path, r.kind) for r in report.layers}
    named = {("attention.forward.mixed", "Softmax"), ("attention.output", "Linear")}
    named |= {("rnn", "Lstm"), ("gru", "Gru"), ("conv", "Conv"), ("image", "Conv")}
    assert named <= found
    assert all(entry.equal for entry in report.entries)


def test_products_are_of_integers(programs, tmp_path):
    programs["static"].pack(tmp_path / "net.qpack")
    packed = load(tmp_path / "net.qpack", "reference")
    calls = [n.target for n in packed.graph("forward").nodes if n.op == "call_function"]
    assert torch.einsum not in calls
    assert calls.count(operation("matmul", "reference")) == 2


def test_files_differ_from_other_ranges(programs, tmp_path):
    program, path = deepcopy(programs["static"]), tmp_path / "net.qpack"
    program.pack(path)
    owner = next(m for p, n, m in program.ranges() if (p, n) == ("forward.y", "output"))
    owner.scale *= 2
    report = verify(program, path, [("forward", [X])], "reference")
    assert "forward.y" in report.failed
    assert "forward.y.output.scales" in report.stored


def test_tensors_are_those_of_the_size(variants, programs, tmp_path):
    program = deepcopy(programs["static"])
    assert program.pack(tmp_path / "net.qpack") == variants["static"].size().total_bytes
    artifact = container.read(tmp_path / "net.qpack")
    for path, name, observer in program.ranges():
        key = f"{path}.{name}"
        assert artifact.tensor(f"{key}.scales").tolist() == observer.scale.tolist()
        if observer.zero is not None:
            (stored,) = artifact.tensor(f"{key}.zeros").tolist()
            bits = observer.format.grid.bits
            assert stored == int(observer.zero) % (1 << bits)


# ---- state -------------------------------------------------------------------------------------


def test_keys(programs):
    keys = programs["static"].state_dict().keys()
    assert {
        "conv.input.q.range_min",
        "rnn.state.q.range_max",
        "attention.forward.scores.left.q.range_min",
        "forward.y.output.q.range_max",
    } <= set(keys)
    assert not any(":" in key for key in keys)
    learned = dict(programs["learned"].named_parameters())
    assert learned["attention.query.input:q.scale"].requires_grad


def test_state_dicts_go_round(variants, program):
    variant = variants[program_name(program)]
    other = variant.program(seed=3).to_qat().eval()
    other.load_state_dict(program.state_dict())
    assert torch.equal(other(X), program(X))
    program.freeze()
    other.load_state_dict(program.state_dict())
    assert torch.equal(other(X), program(X))


def program_name(program):
    found = {type(m).__name__ for _, _, m in program.ranges()}
    if not found:
        return "dynamic"
    return "learned" if any(m.learned for _, _, m in program.ranges()) else "static"


def test_frozen_state_is_restored(variants, program, tmp_path):
    variant = variants[program_name(program)]
    save_frozen(program, tmp_path / "state.safetensors")
    restored = restore_frozen(variant.program(seed=5), tmp_path / "state.safetensors")
    assert torch.equal(restored.exact()(X), program.exact()(X))


# ---- calibration -------------------------------------------------------------------------------


@pytest.mark.parametrize("calibration", [None, Ema(0.5), Percentile(0.999), Mse()], ids=str)
def test_calibrated_without_training(variants, calibration, tmp_path):
    program = variants["static"].program(seed=0).to_qat()
    with pytest.raises(QdslError, match="has seen no values"):
        program.freeze()
    before = deepcopy(program)
    program.calibrate((("forward", [torch.randn(2, 9, 8)]) for _ in range(3)), calibration)
    assert all(observer.frozen for _, _, observer in program.ranges())
    assert len(list(program.ranges())) == len(list(ranges(program.ir)))
    assert all(map(torch.equal, before.parameters(), program.parameters()))
    program.pack(tmp_path / "net.qpack")
    assert verify(program, tmp_path / "net.qpack", [("forward", [X])], "reference").ok


def test_learned_clips_are_calibrated_too(variants, tmp_path):
    program = variants["learned"].program(seed=0).to_qat()
    program.calibrate([("forward", [torch.randn(2, 9, 8)])])
    scales = dict(program.named_parameters())
    assert not scales["out.input:q.scale"].requires_grad
    program.pack(tmp_path / "net.qpack")
    assert verify(program, tmp_path / "net.qpack", [("forward", [X])], "reference").ok


def test_calibration_forgets_what_was_there(variants):
    inputs = [("forward", [torch.randn(2, 9, 8)])]
    once = variants["static"].program(seed=0).to_qat().calibrate(inputs)
    again = variants["static"].program(seed=0).to_qat()
    again.calibrate([("forward", [torch.randn(2, 9, 8) * 50])])
    again.calibrate(inputs)
    for (_, _, a), (_, _, b) in zip(once.ranges(), again.ranges(), strict=True):
        assert torch.equal(a.scale, b.scale)


def test_evaluation_needs_ranges(variants):
    program = variants["static"].program(seed=0).to_qat().eval()
    with pytest.raises(QdslError, match="Q717"):
        program(X)
    program.calibrate([("forward", [X])])
    assert program(X).isfinite().all()


def test_a_word_is_no_calibration(variants):
    program = variants["static"].program(seed=0).to_qat()
    with pytest.raises(TypeError, match="`mse` is no calibration"):
        program.calibrate([("forward", [X])], "mse")


def test_only_qat_programs_are_calibrated(variants):
    with pytest.raises(ValueError, match="QAT"):
        calibrate(variants["static"].program(seed=0), [])


def test_a_learned_clip_needs_values_that_are_not_negative(tmp_path):
    text = LAYERS.replace("int8(static, clip = learned)", "uint8(static, clip = learned)")
    (tmp_path / "net.qspec").write_text(text)
    program = load_spec(tmp_path / "net.qspec").variants["learned"].program(seed=0)
    with pytest.raises(QdslError, match="Q522") as found:
        program.to_qat()
    assert {d.message.split("`")[1] for d in found.value.diagnostics} == {
        "attention.query",
        "attention.key",
        "attention.value",
        "attention.output",
        "out",
    }


# ---- products ----------------------------------------------------------------------------------

EQUATIONS = {"bthd,bshd->bhts": ((2, 5, 3, 4), (2, 6, 3, 4)), "bhts,bshd->bthd": None}
EQUATIONS["bhts,bshd->bthd"] = ((2, 3, 5, 6), (2, 6, 3, 4))
EQUATIONS["ij,jk->ik"] = ((4, 7), (7, 3))
EQUATIONS["ij,kj->ki"] = ((4, 7), (3, 7))


@pytest.mark.parametrize("equation", EQUATIONS)
def test_a_static_product(equation):
    x, y = (torch.randn(s) for s in EQUATIONS[equation])
    left, right = (torch.tensor([0.01]), torch.tensor([3.0])), (torch.tensor([0.02]), None)
    found = matmul(equation, x, y, "int8_static_full", left, right)
    a = centred(x, *left, (-128, 127)).long()
    b = centred(y, *right, (-128, 127)).long()
    assert torch.equal(found, torch.einsum(equation, a, b).float() * (left[0] * right[0]))


@pytest.mark.parametrize("word", ["int8_token", "int8_tensor"])
@pytest.mark.parametrize("equation", ["bthd,bshd->bhts", "bhts,bshd->bthd"])
def test_a_dynamic_product_by_rows(equation, word):
    """Every element of the result from the rows that are summed for it, rounded alone."""
    x, y = (torch.randn(s) for s in EQUATIONS[equation])
    found = matmul(equation, x, y, word, (None, None), (None, None))
    if equation == "bthd,bshd->bhts":
        x, y = x.movedim(1, 2), y.movedim(1, 2)
    else:
        y, found = y.permute(0, 2, 3, 1), found.movedim(1, 2)
    if word == "int8_tensor":
        (a, s), (b, r) = (quantize(v, word) for v in (x, y))
        expected = (a.double() @ b.double().mT).float() * (s * r)
    else:
        (a, s), (b, r) = (quantize(v, word) for v in (x, y))
        expected = (a.double() @ b.double().mT).float() * (s * r.mT)
    assert torch.equal(found, expected)


def test_a_product_in_training_has_the_gradient_of_its_rounded_operands():
    x, y = (torch.randn(s, requires_grad=True) for s in EQUATIONS["ij,jk->ik"])
    found = rounded("ij,jk->ik", x, y, "int8_token")
    found.sum().backward()
    a, s = quantize(x.detach(), "int8_token")
    b, r = quantize(y.detach().T, "int8_token")
    assert torch.allclose(found, (a * s) @ (b * r).T)
    assert torch.allclose(x.grad, (b * r).sum(0).expand(x.shape))
    assert torch.allclose(y.grad, (a * s).sum(0)[:, None].expand(y.shape))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 6), st.integers(0, 1000))
def test_a_row_of_a_product_is_the_same_alone(batch, rows, k, seed):
    torch.manual_seed(seed)
    x, y = torch.randn(batch, rows, k), torch.randn(batch, 3, k)
    none = (None, None)
    whole = matmul("btk,bsk->bts", x, y, "int8_token", none, none)
    alone = matmul("btk,bsk->bts", x[:1, :1], y[:1], "int8_token", none, none)
    assert torch.equal(whole[:1, :1], alone)


# ---- export ------------------------------------------------------------------------------------


def test_a_packed_entry_is_exported(programs, tmp_path):
    deepcopy(programs["static"]).pack(tmp_path / "net.qpack")
    packed = load(tmp_path / "net.qpack", "reference")
    time = Dim("time", min=8, max=64)
    exported = export(packed.graph_module("forward"), (X,), dynamic_shapes={"x": {1: time}})
    names = {str(n.target) for n in exported.graph.nodes if n.op == "call_function"}
    wanted = {"linear", "lstm", "gru", "matmul", "round"}
    assert {f"qdsl.{name}.reference" for name in wanted} <= names
    longer = torch.randn(2, 11, 8)
    assert torch.equal(exported.module()(longer), packed(longer))
