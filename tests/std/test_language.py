"""Compares the decoder-only language model with a hand-written one, and steps with the whole."""

import pytest
import torch
import torch.nn.functional as F

VOCAB, D, LAYERS, HEADS, GROUPS, HIDDEN, N = 17, 12, 2, 6, 2, 20, 10
WIDTH = D // HEADS
PARTS = ("query", "key", "value")
CACHE = f"[f32[B, {N}, {GROUPS}, {WIDTH}]; {LAYERS}] = zeros"
TEXT = f"""
    import std.language {{ LanguageModel }}

    model Net() {{
        m = LanguageModel({VOCAB}, {D}, {LAYERS}, {HEADS}, {GROUPS}, {HIDDEN})

        entry run(ids: i64[B, T]) {{ return m(ids) }}
        entry step(ids: i64[B, T], at: i64, keys: {CACHE}, values: {CACHE}) {{
            return m.step(ids, keys, values, at)
        }}
    }}
"""


def normalised(x, w, path):
    return F.layer_norm(x, (D,), w[f"{path}.weight"], w[f"{path}.bias"])


def attention(x, w):
    """Causal, pairs of features turned by matrices of two rows, keys shared by heads."""
    x, time = normalised(x, w, "norm"), x.shape[1]
    q, k, v = (
        (x @ w[f"{n}.weight"].T).unflatten(-1, (-1, WIDTH)) for n in ("query", "key", "value")
    )
    turn = torch.zeros(time, WIDTH, WIDTH)
    for t in range(time):
        for i in range(WIDTH // 2):
            angle = torch.tensor(t / 10000 ** (2 * i / WIDTH))
            a, b = i, i + WIDTH // 2
            turn[t, a, a] = turn[t, b, b] = angle.cos()
            turn[t, b, a], turn[t, a, b] = angle.sin(), -angle.sin()
    q, k = (torch.einsum("tij,bthj->bhti", turn, y) for y in (q, k))
    outputs = []
    for head in range(HEADS):
        shared = head // (HEADS // GROUPS)
        scores = q[:, head] @ k[:, shared].transpose(1, 2) / WIDTH**0.5
        scores = scores.masked_fill(torch.ones(time, time).triu(1) > 0, float("-inf"))
        outputs.append(scores.softmax(-1) @ v[:, :, shared])
    return torch.cat(outputs, -1) @ w["output.weight"].T


def feed_forward(x, w):
    x = normalised(x, w, "norm")
    return (F.silu(x @ w["gate.weight"].T) * (x @ w["up.weight"].T)) @ w["down.weight"].T


def test_the_model(net, taken, same):
    program, ids = net(TEXT), torch.randint(VOCAB, (2, N))
    table = taken(program, "m.embedding")["weight"]
    x = table[ids]
    for i in range(LAYERS):
        x = x + attention(x, taken(program, f"m.blocks[{i}].attention"))
        x = x + feed_forward(x, taken(program, f"m.blocks[{i}].feed_forward"))
    x = normalised(x, taken(program, "m"), "norm")
    same(program.run(ids), x @ table.T / D**0.5)


@pytest.mark.parametrize("sizes", [[10], [1] * 10, [7, 1, 1, 1], [3, 3, 4]])
def test_pieces_give_the_whole(net, same, sizes):
    """A prompt and then one id after the other, into caches of a fixed length."""
    program, ids = net(TEXT), torch.randint(VOCAB, (2, N))
    state, outputs, at = (), [], 0
    for piece in ids.split(sizes, 1):
        y, *state = program.step(piece, torch.tensor(at), *state)
        outputs.append(y)
        at += piece.shape[1]
    same(torch.cat(outputs, 1), program.run(ids))
    assert [s.shape for s in state] == [(2, N, GROUPS, WIDTH)] * 2 * LAYERS


def test_no_id_sees_a_later_one(net):
    program, ids = net(TEXT), torch.randint(VOCAB, (1, N))
    other = torch.cat((ids[:, :6], (ids[:, 6:] + 1) % VOCAB), 1)
    first, second = program.run(ids), program.run(other)
    assert torch.equal(first[:, :6], second[:, :6])
    assert not torch.isclose(first[:, 6:], second[:, 6:]).all(-1).any()
