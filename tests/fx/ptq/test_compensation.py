"""Weights that make up for errors of rounding: what is kept, what is better, what is frozen."""

import itertools

import pytest
import torch

from qdsl import load_spec
from qdsl.diagnostic.model import QdslError
from qdsl.fx import load, verify
from qdsl.fx.numerics import State, dequantize, quantize
from qdsl.fx.ptq.compensate import compensate
from qdsl.fx.recording import recorded, walk
from qdsl.ir.flat import graphs

SPEC = """qspec 1

model Net(d: int = 16) {{
    table = Embedding(32, d)
    conv = Conv1d(d -> d, kernel = 3)
    depthwise = Conv1d(d -> d, kernel = 4, groups = d)
    hidden = Linear(d -> d)
    rnn = LSTM(d, d, projection = 8)
    gates = GRU(8, 8)
    out = Linear(8 -> d, bias = false)
    shared = Linear(d -> d)
    apart = Linear(d -> d)

    entry run(ids: i64[B, T]) {{
        x = table(ids) |> conv |> depthwise |> hidden |> relu
        return shared(relu(shared(out(gates(rnn(x))))))
    }}

    entry other(x: f32[B, T, d]) {{ return apart(shared(x)) }}
}}

policy p {{
    default {{ weights = f32 }}
    ** {{ weights = {format} }}
}}

variant v {{ model = Net(); policy = p }}
"""
FORMATS = (
    "int4(group = 4)",
    "int2(group = 4, asymmetric)",
    "int3(asymmetric, zero = f16, per = tensor)",
    "int4(levels = half, scale = bf16)",
    "int3(clip = search)",
    "int4 sparse 2:4",
    "ternary(rule = threshold)",
    "binary(center)",
)


def qat(tmp_path, format):
    (tmp_path / "net.qspec").write_text(SPEC.format(format=format))
    return load_spec(tmp_path / "net.qspec").variants["v"].program(seed=1).to_qat()


def inputs(batches=2):
    torch.manual_seed(0)
    return [("run", [torch.randint(0, 32, (4, 12))]) for _ in range(batches)]


@pytest.mark.parametrize("format", FORMATS)
def test_it_is_never_worse_and_what_is_packed_is_what_was_found(tmp_path, format):
    program = qat(tmp_path, format)
    scales = {key: quantizer_scale(q, w) for key, q, w in program.quantizers()}
    found = program.compensate(inputs())

    assert {w.path for w in found.weights} == {s.path for s in program.ir.storages if coded(s)}
    products = [w for w in found.weights if w.error is not None]
    # in the order of the graph, shared weights once; `apart` and the table have no inputs
    assert [w.path for w in products] == [
        *("conv.weight", "depthwise.weight", "hidden.weight"),
        *("rnn.weight_ih", "rnn.weight_hh", "rnn.weight_hr"),
        *("gates.weight_ih", "gates.weight_hh", "out.weight", "shared.weight"),
    ]
    assert all(w.error <= w.rounded for w in products)
    assert sum(w.compensated for w in products) >= 6
    for key, quantizer, _ in program.quantizers():
        assert quantizer.frozen
        assert torch.equal(quantizer.scale, scales[key])
        if quantizer.mask is not None:
            assert not quantizer.dequantized()[~quantizer.mask].any()
    codes = {key: q.codes.clone() for key, q, _ in program.quantizers()}
    program.freeze()
    assert all(torch.equal(q.codes, codes[key]) for key, q, _ in program.quantizers())
    program.pack(tmp_path / "net.qpack")
    given = [*inputs(1), ("other", [torch.randn(2, 3, 16)])]
    report = verify(program, tmp_path / "net.qpack", given, "reference")
    assert report.ok, str(report)
    loaded = load(tmp_path / "net.qpack", "reference")
    assert torch.equal(program.exact().run(*given[0][1]), loaded.run(*given[0][1]))


def coded(storage):
    return not storage.format.is_float


def quantizer_scale(quantizer, weight):
    with torch.no_grad():
        return quantize(weight.view(quantizer.matrix), quantizer.format, quantizer.state).scale


def test_outputs_are_closer_to_the_float_ones(tmp_path):
    (tmp_path / "net.qspec").write_text(SPEC.format(format="int3"))
    program = load_spec(tmp_path / "net.qspec").variants["v"].program(seed=1).eval()
    plain, better = program.to_qat().freeze(), program.to_qat()
    better.compensate(inputs(8))
    with torch.no_grad():
        exact, *others = (p.run(*inputs()[0][1]) for p in (program, plain, better))
    by_rounding, by_compensation = ((other - exact).norm() for other in others)
    assert by_compensation < 0.8 * by_rounding


def test_without_inputs_it_is_plain_rounding(tmp_path):
    plain, other = qat(tmp_path, "int4"), qat(tmp_path, "int4")
    plain.freeze()
    found = other.compensate([])
    assert not any(w.compensated for w in found.weights)
    assert "no inputs recorded" in str(found)
    pairs = zip(plain.quantizers(), other.quantizers(), strict=True)
    assert all(torch.equal(a.codes, b.codes) for (_, a, _), (_, b, _) in pairs)


def test_inputs_that_are_not_finite_are_plain_rounding(tmp_path):
    program = qat(tmp_path, "int4")
    found = program.compensate([("other", [torch.full((2, 3, 16), torch.inf)])])
    assert not any(w.compensated for w in found.weights)
    assert all(q.codes.any() for _, q, _ in program.quantizers())


def test_a_float_program_is_refused(tmp_path):
    (tmp_path / "net.qspec").write_text(SPEC.format(format="int4"))
    program = load_spec(tmp_path / "net.qspec").variants["v"].program()
    with pytest.raises(ValueError, match="to_qat"):
        program.compensate([])


def test_a_frozen_program_is_refused(tmp_path):
    program = qat(tmp_path, "int4").freeze()
    with pytest.raises(ValueError, match="frozen already"):
        program.compensate([])


def test_a_walk_gives_what_a_run_gives(tmp_path):
    """Cut at any layer, the parts compute what the whole does."""
    program = qat(tmp_path, "int4").freeze().eval()
    graph = graphs(program.ir)[0]
    layers = [f for f in graph.nodes if f.node.parameters]
    (_, values), *_ = inputs()
    with torch.no_grad():
        whole = {f.path: i for f, i in reversed(list(recorded(program, graph, layers, values)))}
        stops = {f.path for f in layers}
        for flat, ((*tensors,),) in walk(program, graph, [values], stops):
            if flat.path != "shared":  # which stands twice
                pairs = zip(tensors, whole[flat.path], strict=True)
                assert all(torch.equal(a, b) for a, b in pairs)


TIED = """qspec 1

model Net(d: int = 16) {
    table = Embedding(32, d)
    rnn = LSTM(d, d)
    conv = Conv1d(d -> d, kernel = 3, padding = "causal")
    out = Linear(d -> 32, bias = false)
    tie out.weight = table.weight

    entry run(ids: i64[B, T]) { return table(ids) |> conv |> rnn |> out }
    entry step(ids: i64[B, 1], h: f32[B, d] = zeros, c: f32[B, d] = zeros) {
        y, h, c = rnn.step(table(ids), h, c)
        return out(y), h, c
    }
}

policy p {
    default { weights = f32 }
    ** { weights = int4(group = 8); activations = int8(dynamic); state = int8(dynamic) }
}

variant v { model = Net(); policy = p }
"""


def test_tied_weights_are_compensated_at_their_product(tmp_path):
    """A table that is an output too is one weight, of the output's inputs."""
    (tmp_path / "net.qspec").write_text(TIED)
    variant = load_spec(tmp_path / "net.qspec").variants["v"]
    program = variant.program(seed=1).to_qat()
    found = {w.path: w for w in program.compensate(inputs()).weights}
    assert found["table.weight"].compensated
    assert "out.weight" not in found
    program.pack(tmp_path / "net.qpack")
    ids = torch.randint(0, 32, (2, 1))
    given = [*inputs(1), ("step", [ids, None, None])]
    report = verify(program, tmp_path / "net.qpack", given, "reference")
    assert report.ok, str(report)
    assert {r.kind for r in report.layers} == {"Embedding", "Conv", "Lstm", "Linear"}
    assert all(e.equal and e.must_be_equal for e in report.entries)


# ---- one matrix --------------------------------------------------------------------------------


def test_the_best_codes_of_a_tiny_matrix(tmp_path):
    """No way to round the row is much better: all 3^6 of them are tried."""
    format = qat(tmp_path, "ternary").ir.storage("hidden.weight").format
    torch.manual_seed(3)
    weight, x = torch.randn(1, 6), torch.randn(40, 2) @ torch.randn(2, 6) + torch.randn(40, 6) / 4
    moments = (x.double().mT @ x.double()).unsqueeze(0)
    found = compensate(weight, format, State(), moments)
    scale = found.quantized.scale
    errors = [
        float(((x @ (weight - scale * torch.tensor([codes])).mT) ** 2).sum())
        for codes in itertools.product((-1.0, 0.0, 1.0), repeat=6)
    ]
    assert min(errors) <= found.compensated_error * 1.001
    assert found.compensated_error < 0.6 * found.plain_error
    assert sum(e < found.compensated_error * 0.999 for e in errors) < 0.1 * len(errors)


def test_uncorrelated_inputs_are_plain_rounding(tmp_path):
    """Where no column can make up for another, the nearest code is the best."""
    format = qat(tmp_path, "int4(group = 4)").ir.storage("hidden.weight").format
    torch.manual_seed(0)
    weight = torch.randn(8, 16)
    found = compensate(weight, format, State(), torch.eye(16, dtype=torch.float64).unsqueeze(0))
    plain = quantize(weight, format, State())
    assert torch.equal(found.quantized.codes, plain.codes)
    assert not found.compensated
    assert found.plain_error == pytest.approx(
        float((dequantize(plain, format, None) - weight).double().square().sum())
    )


def test_weights_that_are_not_finite_are_refused(tmp_path):
    program = qat(tmp_path, "int4")
    with torch.no_grad():
        program.get_parameter("hidden.weight")[0, 0] = torch.nan
    with pytest.raises(QdslError, match="Q710"):
        program.compensate(inputs())


@pytest.mark.parametrize("method", ["compensate", "calibrate"])
def test_an_unknown_entry_is_told_with_those_there_are(tmp_path, method):
    program = qat(tmp_path, "int4")
    with pytest.raises(ValueError, match="no entry `runn`: the model has `run`, `other`"):
        getattr(program, method)([("runn", (torch.zeros(1, 4).long(),))])
