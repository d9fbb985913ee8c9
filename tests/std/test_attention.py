"""Compares attention, its positions and its streaming with independent implementations."""

from math import sqrt

import pytest
import torch
from torch import Tensor, nn

from qdsl.spec import check_spec

D, HEADS, T = 12, 3, 7
KEEP = torch.arange(T) < torch.tensor([[7], [4]])
CONTEXTS = [0, 3]
PARTS = ("query", "key", "value")


def x_of(batch: int = 2, length: int = T, width: int = D) -> Tensor:
    return torch.randn(batch, length, width)


def model(
    kind: str, module: str = "attention", options: str = "", entry: str = "", heads: int = HEADS
) -> str:
    """A model of one attention `m` with the entries `run` and `masked`."""
    return f"""
        import std.{module} {{ {kind} }}

        model Net(d: int = {D}, heads: int = {heads}) {{
            m = {kind}(d, heads{options})

            entry run(x: f32[B, T, d]) {{ return m(x) }}
            entry masked(x: f32[B, T, d], keep: bool[B, T]) {{ return m(x, keep) }}
            {entry}
        }}
    """


def step_of(context: int, heads: int = HEADS, width: int = D // HEADS) -> str:
    """An entry `step` whose caches hold `context` positions, or a whole sequence."""
    cache = f"f32[B, {context or T}, {heads}, {width}] = zeros"
    return f"""entry step(x: f32[B, T, d], at: i64, keys: {cache}, values: {cache}) {{
        y, keys, values = m.step(x, keys, values, at)
        return y, keys, values
    }}"""


def streamed(step, x: Tensor, size: int) -> Tensor:
    """The results of `step` over pieces of x."""
    state, outputs, at = (None, None), [], 0
    for piece in x.split(size, 1):
        y, *state = step(piece, torch.tensor(at), *state)
        outputs.append(y)
        at += piece.shape[1]
    return torch.cat(outputs, 1)


def in_torch(weights: dict[str, Tensor]) -> tuple[nn.LayerNorm, nn.MultiheadAttention]:
    """The norm and attention of torch with those weights."""
    norm, attention = nn.LayerNorm(D), nn.MultiheadAttention(D, HEADS, batch_first=True)
    with torch.no_grad():
        attention.in_proj_weight.copy_(torch.cat([weights[f"{n}.weight"] for n in PARTS]))
        attention.in_proj_bias.copy_(torch.cat([weights[f"{n}.bias"] for n in PARTS]))
        attention.out_proj.weight.copy_(weights["output.weight"])
        attention.out_proj.bias.copy_(weights["output.bias"])
        if "norm.weight" in weights:
            norm.weight.copy_(weights["norm.weight"])
            norm.bias.copy_(weights["norm.bias"])
    return norm.eval(), attention.eval()


def banned(length: int, context: int) -> Tensor:
    """True where torch is not to look: behind the query, and too far before it."""
    distance = torch.arange(length)[:, None] - torch.arange(length)
    return (distance < 0) | (distance > (context or length))


# ---- absolute positions ------------------------------------------------------------------------


@pytest.mark.parametrize("prenorm", [True, False])
def test_self_attention(net, taken, same, prenorm):
    program = net(model("MultiHeadAttention", options=f", prenorm = {str(prenorm).lower()}"))
    norm, attention = in_torch(taken(program, "m"))
    x = x_of()
    y = norm(x) if prenorm else x
    same(program.run(x), attention(y, y, y)[0])
    expected = attention(y, y, y, key_padding_mask=~KEEP)[0]
    same(program.masked(x, KEEP), expected)


@pytest.mark.parametrize("context", CONTEXTS)
def test_causal_attention(net, taken, same, context):
    program = net(model("MultiHeadAttention", options=f", causal = true, context = {context}"))
    norm, attention = in_torch(taken(program, "m"))
    x = x_of()
    y = norm(x)
    same(program.run(x), attention(y, y, y, attn_mask=banned(T, context))[0])
    expected = attention(y, y, y, attn_mask=banned(T, context), key_padding_mask=~KEEP)[0]
    seen = KEEP  # elsewhere torch may have nothing to look at
    same(program.masked(x, KEEP)[seen], expected[seen])


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize(
    ("module", "kind"),
    [
        ("attention", "MultiHeadAttention"),
        ("rotary", "RotaryAttention"),
        ("relative", "RelativeAttention"),
    ],
)
def test_pieces_give_the_whole(net, same, module, kind, context, size):
    if kind == "RelativeAttention" and not context:
        pytest.skip("takes a limited context")
    options = f", causal = true, context = {context}"
    program = net(model(kind, module, options, step_of(context)))
    x = x_of()
    same(streamed(program.step, x, size), program.run(x))


def test_a_context_is_that_of_the_caches(tmp_path):
    path = tmp_path / "test.qspec"
    options = ", causal = true, context = 3"
    path.write_text("qspec 1\n" + model("MultiHeadAttention", options=options, entry=step_of(5)))
    assert [d.code for d in check_spec(path).diagnostics] == ["Q210"]


def test_cross_attention(net, taken, same):
    program = net(f"""
        import std.attention {{ CrossAttention }}

        model Net(d: int = {D}) {{
            m = CrossAttention(d, {HEADS}, memory_width = 5)

            entry run(x: f32[B, T, d], memory: f32[B, S, 5]) {{ return m(x, memory) }}
            entry masked(x: f32[B, T, d], memory: f32[B, S, 5], keep: bool[B, S]) {{
                return m(x, memory, keep)
            }}
            entry attend(
                x: f32[B, T, d],
                k: f32[B, S, {HEADS}, {D // HEADS}],
                v: f32[B, S, {HEADS}, {D // HEADS}],
            ) {{
                return m.attend(x, k, v)
            }}
            entry project(memory: f32[B, S, 5]) {{ return m.project(memory) }}
        }}
    """)
    weights = taken(program, "m")
    attention = nn.MultiheadAttention(D, HEADS, batch_first=True, kdim=5, vdim=5)
    norm = nn.LayerNorm(D)
    with torch.no_grad():
        for name, own in zip(PARTS, "qkv", strict=True):
            getattr(attention, f"{own}_proj_weight").copy_(weights[f"{name}.weight"])
        attention.in_proj_bias.copy_(torch.cat([weights[f"{n}.bias"] for n in PARTS]))
        attention.out_proj.weight.copy_(weights["output.weight"])
        attention.out_proj.bias.copy_(weights["output.bias"])
    norm.load_state_dict({k[5:]: v for k, v in weights.items() if k.startswith("norm.")})
    x, memory = x_of(length=4), x_of(width=5)
    same(program.run(x, memory), attention(norm(x), memory, memory)[0])
    expected = attention(norm(x), memory, memory, key_padding_mask=~KEEP)[0]
    same(program.masked(x, memory, KEEP), expected)
    same(program.attend(x, *program.project(memory)), program.run(x, memory))


# ---- positions ---------------------------------------------------------------------------------


def sinusoids(positions, width: int) -> Tensor:
    """Element by element, as arXiv 1706.03762 writes them."""
    table = torch.zeros(len(positions), width, dtype=torch.float64)
    for row, p in enumerate(positions):
        for i in range(width // 2):
            angle = torch.tensor(p / 10000 ** (2 * i / width), dtype=torch.float64)
            table[row, 2 * i], table[row, 2 * i + 1] = angle.sin(), angle.cos()
    return table.float()


@pytest.mark.parametrize("kind", ["SinusoidalPositions(d)", "LearnedPositions(d, 20)"])
def test_positions(net, taken, same, kind):
    program = net(f"""
        import std.positions {{ {kind.partition("(")[0]} }}

        model Net(d: int = {D}) {{
            m = {kind}

            entry run(x: f32[B, T, d]) {{ return m(x) }}
            entry step(x: f32[B, T, d], at: i64) {{ return m.step(x, at) }}
        }}
    """)
    x = x_of()
    learned = taken(program, "m").get("table.weight")
    table = sinusoids(range(20), D) if learned is None else learned
    same(program.run(x), x + table[:T])
    same(program.step(x[:, 3:], torch.tensor(3)), program.run(x)[:, 3:])


def turned(x: Tensor, positions: Tensor) -> Tensor:
    """[B, T, H, W] as complex numbers times e^(i·angle) (arXiv 2104.09864)."""
    half = x.shape[-1] // 2
    angle = positions[:, None] / 10000 ** (torch.arange(half) / half)
    turn = torch.polar(torch.ones_like(angle), angle)[:, None]
    y = torch.complex(x[..., :half], x[..., half:]) * turn
    return torch.cat((y.real, y.imag), -1)


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize("causal", [True, False])
def test_rotary_attention(net, taken, same, groups, causal):
    heads, width = 6, 2
    options = f", causal = {str(causal).lower()}, groups = {groups}, bias = false"
    entry = step_of(0, groups, width) if causal else ""
    program = net(model("RotaryAttention", "rotary", options, entry, heads))
    weights = taken(program, "m")
    x = x_of()
    y = nn.functional.layer_norm(x, (D,), weights["norm.weight"], weights["norm.bias"])
    shown = {n: (y @ weights[f"{n}.weight"].T).unflatten(-1, (-1, width)) for n in PARTS}
    q, k = (turned(shown[n], torch.arange(T)).transpose(1, 2) for n in ("query", "key"))
    v = shown["value"].transpose(1, 2)
    k, v = (t.repeat_interleave(heads // groups, 1) for t in (k, v))
    for seen, keep in ((torch.ones(2, T, dtype=torch.bool), None), (KEEP, KEEP)):
        mask = (~banned(T, 0) if causal else True) & seen[:, None, None]
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        expected = mixed.transpose(1, 2).flatten(2) @ weights["output.weight"].T
        same(program.run(x) if keep is None else program.masked(x, keep), expected)
    if causal:
        same(streamed(program.step, x, 2), program.run(x))


# ---- relative positions ------------------------------------------------------------------------


def relative(weights: dict[str, Tensor], x: Tensor, seen: Tensor) -> Tensor:
    """Transformer-XL's attention pair by pair: no shift, one distance at a time."""
    width = D // HEADS

    def mapped(name: str, value: Tensor) -> Tensor:
        bias = weights.get(f"{name}.bias")
        return nn.functional.linear(value, weights[f"{name}.weight"], bias).unflatten(
            -1, (HEADS, width)
        )

    y = nn.functional.layer_norm(x, (D,), weights["norm.weight"], weights["norm.bias"])
    q, k, v = (mapped(n, y) for n in PARTS)
    scores = torch.full((x.shape[0], HEADS, T, T), float("-inf"))
    for t in range(T):
        for s in range(T):
            r = mapped("position", sinusoids([t - s], D))[0]
            content = ((q[:, t] + weights["content_bias"]) * k[:, s]).sum(-1)
            distance = ((q[:, t] + weights["position_bias"]) * r).sum(-1)
            scores[:, :, t, s] = (content + distance) / sqrt(width)
    scores = scores.masked_fill(~seen, float("-inf"))
    mixed = torch.einsum("bhts,bshw->bthw", scores.softmax(-1), v).flatten(2)
    return nn.functional.linear(mixed, weights["output.weight"], weights["output.bias"])


@pytest.mark.parametrize("options", ["", ", causal = true", ", causal = true, context = 3"])
def test_relative_attention(net, taken, same, options):
    program = net(model("RelativeAttention", "relative", options))
    weights = taken(program, "m")
    x = x_of()
    context = 3 if "context" in options else 0
    seen = ~banned(T, context) if options else torch.ones(T, T, dtype=torch.bool)
    same(program.run(x), relative(weights, x, seen))
    expected = relative(weights, x, seen & KEEP[:, None, None])
    same(program.masked(x, KEEP)[KEEP], expected[KEEP])
