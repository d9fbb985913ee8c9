"""Compares the blocks of std.recurrent with recurrent modules of torch, whole and in pieces."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from qdsl import target
from qdsl.fx import load, verify

IMPORT = """
import std.recurrent {{ {kind} }}

model Net(d: int = 8, layers: int = 2) {{
    m = {member}
    {entries}
}}
"""
RUN = "entry run(x: f32[B, T, {features}]) {{ return m(x) }}"


@pytest.fixture
def make(net):
    """`make("LstmLayer(5 -> d)", entries)`: a program with the block as member `m`."""

    def build(member, *entries, features=8):
        kind = member.partition("(")[0]
        text = "\n".join((RUN.format(features=features), *entries))
        return net(IMPORT.format(kind=kind, member=member, entries=text))

    return build


def fill(module, weights, suffix="_l0"):
    """Copies an LSTM or GRU layer; torch has two biases."""
    bias = weights["bias"]
    recurrent = torch.zeros_like(bias)
    if "bias_hn" in weights:
        recurrent[-len(weights["bias_hn"]) :] = weights["bias_hn"]
    values = {**weights, "bias_ih": bias, "bias_hh": recurrent}
    names = ("weight_ih", "weight_hh", "weight_hr", "bias_ih", "bias_hh")
    with torch.no_grad():
        for name in names:
            if name in values:
                getattr(module, name + suffix).copy_(values[name])


STACKS = [
    ("LstmStack(d, layers)", "lstm", nn.LSTM(8, 8, 2, batch_first=True)),
    ("LstmStack(d, layers, dropout = 0.3)", "lstm", nn.LSTM(8, 8, 2, batch_first=True)),
    (
        "LstmStack(d, layers, hidden = 12)",
        "lstm",
        nn.LSTM(8, 12, 2, batch_first=True, proj_size=8),
    ),
    ("GruStack(d, layers)", "gru", nn.GRU(8, 8, 2, batch_first=True)),
]


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize(("member", "name", "expected"), STACKS, ids=lambda v: str(v)[:35])
def test_a_stack_is_that_of_torch(make, taken, same, member, name, expected):
    program = make(member)
    for i in range(2):
        fill(expected, taken(program, f"m.layer[{i}].{name}"), f"_l{i}")
    x = torch.randn(2, 7, 8)
    same(program.run(x), expected(x)[0])


@pytest.mark.parametrize("kind", ["Lstm", "Gru"])
def test_a_norm_behind_a_layer(make, taken, same, kind):
    program = make(f"{kind}Layer(5, d, normalised = true)", features=5)
    expected = {"Lstm": nn.LSTM, "Gru": nn.GRU}[kind](5, 8, batch_first=True)
    fill(expected, taken(program, f"m.{kind.lower()}"))
    norm = taken(program, "m.norm")
    x = torch.randn(2, 7, 5)
    wanted = nn.functional.layer_norm(expected(x)[0], (8,), norm["weight"], norm["bias"])
    same(program.run(x), wanted)


def test_a_projection_behind_a_gru(make, taken, same):
    program = make("GruLayer(5, d, hidden = 12)", features=5)
    expected = nn.GRU(5, 12, batch_first=True)
    fill(expected, taken(program, "m.gru"))
    x = torch.randn(2, 7, 5)
    same(program.run(x), expected(x)[0] @ taken(program, "m.project")["weight"].T)


@pytest.mark.parametrize("kind", ["Lstm", "Gru"])
def test_dropout_is_between_layers_alone(make, kind):
    program = make(f"{kind}Stack(d, layers, dropout = 0.5)").train()
    x = torch.randn(2, 7, 8)
    assert not torch.equal(program.run(x), program.run(x))
    alone = make(f"{kind}Stack(d, 1, dropout = 0.5)").train()
    assert torch.equal(alone.run(x), alone.run(x))


LSTM_STEP = """entry step(
    x: f32[B, T, d], h: [f32[B, d]; layers] = zeros, c: [f32[B, 12]; layers] = zeros
) { y, h, c = m.step(x, h, c)  return y, h, c }"""
GRU_STEP = """entry step(x: f32[B, T, d], h: [f32[B, 12]; layers] = zeros) {
    y, h = m.step(x, h)  return y, h
}"""


@pytest.mark.parametrize("size", [1, 2, 3, 7])
@pytest.mark.parametrize(
    ("member", "entry"),
    [
        ("LstmStack(d, layers, hidden = 12, normalised = true)", LSTM_STEP),
        ("GruStack(d, layers, hidden = 12, normalised = true)", GRU_STEP),
    ],
    ids=["lstm", "gru"],
)
def test_pieces_are_the_whole(make, same, member, entry, size):
    program = make(member, entry)
    x, pieces, states = torch.randn(2, 7, 8), [], ()
    for piece in x.split(size, 1):
        y, *states = program.step(piece, *states)
        pieces.append(y)
    same(torch.cat(pieces, 1), program.run(x))


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_both_directions(make, taken, same, kind):
    program = make(f"Bidirectional(5, d, {kind})", features=5)
    expected = getattr(nn, kind)(5, 8, batch_first=True, bidirectional=True)
    fill(expected, taken(program, "m.ahead"))
    fill(expected, taken(program, "m.back"), "_l0_reverse")
    x = torch.randn(2, 7, 5)
    same(program.run(x), expected(x)[0])


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_the_second_direction_begins_at_the_last_frame(make, taken, same, kind):
    lengths = "entry padded(x: f32[B, T, d], n: i64[B]) { return m(x, n) }"
    program = make(f"BidirectionalStack(d, layers, {kind})", lengths)
    expected = getattr(nn, kind)(8, 4, 2, batch_first=True, bidirectional=True)
    for i in range(2):
        fill(expected, taken(program, f"m.layer[{i}].ahead"), f"_l{i}")
        fill(expected, taken(program, f"m.layer[{i}].back"), f"_l{i}_reverse")
    x, n = torch.randn(3, 7, 8), torch.tensor([7, 5, 1])
    packed = pack_padded_sequence(x, n, batch_first=True)
    wanted, _ = pad_packed_sequence(expected(packed)[0], batch_first=True)
    keep = (torch.arange(7) < n[:, None])[..., None]
    same(program.padded(x, n) * keep, wanted)
    assert not torch.allclose(program.run(x)[1:], program.padded(x, n)[1:])


def test_reverse_is_its_own_inverse(make):
    program = make("Reverse()", "entry some(x: f32[B, T, d], n: i64[B]) { return m(x, n) }")
    x, n = torch.randn(3, 4, 8), torch.tensor([4, 2, 0])
    assert torch.equal(program.run(x), x.flip(1))
    turned = program.some(x, n)
    assert torch.equal(turned[1], x[1, [1, 0, 2, 3]])
    assert torch.equal(program.some(turned, n), x)


def test_a_kind_may_be_a_block(net):
    program = net("""
        import std.recurrent { Bidirectional, GruLayer }
        model Net(d: int = 8) {
            m = Bidirectional(d, d, GruLayer)
            entry run(x: f32[B, T, d]) { return m(x) }
        }
    """)
    assert "m.back.gru.weight_ih" in program.state_dict()
    assert program.run(torch.randn(2, 3, 8)).shape == (2, 3, 16)


PACKED = """
import std.recurrent { GruStack, LstmStack }

model Net(d: int = 16, layers: int = 2) {
    lstms = LstmStack(d, layers, hidden = 24, normalised = true)
    grus = GruStack(d, layers)

    entry run(x: f32[B, T, d]) { return lstms(x) |> grus }

    entry step(x: f32[B, T, d], h: [f32[B, d]; layers] = zeros) {
        y, h = grus.step(x, h)
        return y, h
    }
}

policy w4 {
    default { weights = f32 }
    **.{lstm, gru} { weights = int4(group = 8) }
}

policy w4a8 extends w4 {
    **.{lstm, gru} { activations = int8(dynamic, per = token) }
    **.{lstm, gru} { state = int8(dynamic, per = token) }
}

variant only { model = Net(); policy = POLICY }
"""


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("policy", ["w4", "w4a8"])
def test_stacks_are_packed(net, tmp_path, policy, backend):
    if backend == "cpu" and not target.backends()["cpu"].availability().available:
        pytest.skip("back end `cpu` is not here")
    program = net(PACKED.replace("POLICY", policy)).to_qat().eval()
    x, h = torch.randn(2, 5, 16), torch.randn(2, 16)
    path = tmp_path / "model.qpack"
    program.pack(path)
    report = verify(program, path, [("run", (x,)), ("step", (x, h, h))], backend)
    assert report.ok, str(report)
    assert {r.kind for r in report.layers} == {"Lstm", "Gru"}
    assert all(e.equal for e in report.entries) or (policy, backend) == ("w4", "cpu")
    with torch.no_grad():
        expected, actual = program.run(x), load(path, backend).run(x)
    near = 0.05 if policy == "w4a8" else 1e-5
    torch.testing.assert_close(actual, expected, atol=near, rtol=near)
