"""Compares Transformer blocks and stacks with those of torch.nn, and pieces with the whole."""

import pytest
import torch
from torch import nn

D, HEADS, HIDDEN, LAYERS, T, S = 8, 2, 20, 2, 9, 5
KEEP = torch.arange(T) < torch.tensor([[9], [6]])
KEEP_MEMORY = torch.arange(S) < torch.tensor([[3], [5]])
PARTS = ("query", "key", "value")
ACTIVATIONS = ["relu", "gelu"]


@pytest.fixture(autouse=True)
def _no_fast_path():
    """The layer that users train, not the fused one of inference."""
    torch.backends.mha.set_fastpath_enabled(False)
    yield
    torch.backends.mha.set_fastpath_enabled(True)


def into_torch(weights, prenorm: bool, decoder: bool):
    """The state of a layer of torch.nn with the weights of a block."""
    state = {}
    attentions = {"attention": "self_attn"} | ({"cross": "multihead_attn"} if decoder else {})
    for own, theirs in attentions.items():
        for kind in ("weight", "bias"):
            parts = [weights[f"{own}.{p}.{kind}"] for p in PARTS]
            state[f"{theirs}.in_proj_{kind}"] = torch.cat(parts)
            state[f"{theirs}.out_proj.{kind}"] = weights[f"{own}.output.{kind}"]
    inside = ["attention.norm", *(["cross.norm"] if decoder else []), "feed_forward.norm"]
    behind = ["attention_norm", *(["cross_norm"] if decoder else []), "norm"]
    maps = {"feed_forward.up": "linear1", "feed_forward.down": "linear2"}
    maps |= {n: f"norm{i}" for i, n in enumerate(inside if prenorm else behind, 1)}
    for own, theirs in maps.items():
        for kind in ("weight", "bias"):
            state[f"{theirs}.{kind}"] = weights[f"{own}.{kind}"]
    return state


def layer(kind, weights, prenorm: bool, activation: str = "relu"):
    made = kind(D, HEADS, HIDDEN, 0.0, activation, batch_first=True, norm_first=prenorm)
    decoder = kind is nn.TransformerDecoderLayer
    made.load_state_dict(into_torch(weights, prenorm, decoder))
    return made.eval()


def final(weights, prenorm: bool):
    norm = nn.LayerNorm(D) if prenorm else nn.Identity()
    norm.load_state_dict({k[5:]: v for k, v in weights.items() if k.startswith("norm.")})
    return norm


def encoder(prenorm: bool, activation: str) -> str:
    options = f"{HIDDEN}, activation = {activation}, prenorm = {str(prenorm).lower()}"
    return f"""
        import std.transformer {{ TransformerEncoder }}

        model Net(d: int = {D}) {{
            m = TransformerEncoder(d, {HEADS}, {LAYERS}, {options})

            entry first(x: f32[B, T, d]) {{ return m.blocks[0](x) }}
            entry run(x: f32[B, T, d]) {{ return m(x) }}
            entry masked(x: f32[B, T, d], keep: bool[B, T]) {{ return m(x, keep) }}
        }}
    """


@pytest.mark.parametrize("prenorm", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_encoder(net, taken, same, prenorm, activation):
    program, x = net(encoder(prenorm, activation)), torch.randn(2, T, D)
    blocks = [
        layer(nn.TransformerEncoderLayer, taken(program, f"m.blocks[{i}]"), prenorm, activation)
        for i in range(LAYERS)
    ]
    same(program.first(x), blocks[0](x))
    norm = final(taken(program, "m"), prenorm)
    same(program.run(x), norm(blocks[1](blocks[0](x))))
    y = x
    for block in blocks:
        y = block(y, src_key_padding_mask=~KEEP)
    same(program.masked(x, KEEP), norm(y))


@pytest.mark.parametrize("size", [1, 4, 9])
@pytest.mark.parametrize("prenorm", ["true", "false"])
def test_pieces_of_an_encoder_give_the_whole(net, same, prenorm, size):
    """With relative attention, each block with its own caches."""
    cache = f"[f32[B, 3, {HEADS}, {D // HEADS}]; {LAYERS}] = zeros"
    options = f"{HIDDEN}, prenorm = {prenorm}, causal = true, context = 3"
    program = net(f"""
        import std.relative {{ RelativeAttention }}
        import std.transformer {{ TransformerEncoder }}

        model Net(d: int = {D}) {{
            m = TransformerEncoder(
                d,
                {HEADS},
                {LAYERS},
                {options},
                attends = RelativeAttention,
            )

            entry run(x: f32[B, T, d]) {{ return m(x) }}
            entry step(x: f32[B, T, d], at: i64, keys: {cache}, values: {cache}) {{
                return m.step(x, keys, values, at)
            }}
        }}
    """)
    x, state, outputs, at = torch.randn(2, T, D), (), [], 0
    for piece in x.split(size, 1):
        y, *state = program.step(piece, torch.tensor(at), *state)
        outputs.append(y)
        at += piece.shape[1]
    same(torch.cat(outputs, 1), program.run(x))


def decoder(prenorm: bool, activation: str = "relu") -> str:
    options = f"{HIDDEN}, activation = {activation}, prenorm = {str(prenorm).lower()}"
    head = f"{HEADS}, {D // HEADS}"
    past = f"[f32[B, {T}, {head}]; {LAYERS}] = zeros"
    remembered = f"[f32[B, S, {head}]; {LAYERS}]"
    return f"""
        import std.transformer {{ TransformerDecoder }}

        model Net(d: int = {D}) {{
            m = TransformerDecoder(d, {HEADS}, {LAYERS}, {options})

            entry first(x: f32[B, T, d], memory: f32[B, S, d]) {{ return m.blocks[0](x, memory) }}
            entry run(x: f32[B, T, d], memory: f32[B, S, d]) {{ return m(x, memory) }}
            entry masked(
                x: f32[B, T, d],
                memory: f32[B, S, d],
                keep: bool[B, T],
                keep_memory: bool[B, S],
            ) {{
                return m(x, memory, keep, keep_memory)
            }}
            entry remember(memory: f32[B, S, d]) {{ return m.remember(memory) }}
            entry step(
                x: f32[B, T, d],
                memory_keys: {remembered},
                memory_values: {remembered},
                keep_memory: bool[B, S],
                at: i64,
                keys: {past},
                values: {past},
            ) {{
                return m.step(x, keys, values, memory_keys, memory_values, at, keep_memory)
            }}
        }}
    """


@pytest.mark.parametrize("prenorm", [True, False])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_decoder(net, taken, same, prenorm, activation):
    program = net(decoder(prenorm, activation))
    x, memory = torch.randn(2, T, D), torch.randn(2, S, D)
    blocks = [
        layer(nn.TransformerDecoderLayer, taken(program, f"m.blocks[{i}]"), prenorm, activation)
        for i in range(LAYERS)
    ]
    norm = final(taken(program, "m"), prenorm)
    causal = torch.ones(T, T, dtype=torch.bool).triu(1)
    masks = {"tgt_key_padding_mask": ~KEEP, "memory_key_padding_mask": ~KEEP_MEMORY}
    same(program.first(x, memory), blocks[0](x, memory, tgt_mask=causal))
    y, masked = x, x
    for block in blocks:
        y = block(y, memory, tgt_mask=causal)
        masked = block(masked, memory, tgt_mask=causal, **masks)
    same(program.run(x, memory), norm(y))
    same(program.masked(x, memory, KEEP, KEEP_MEMORY), norm(masked))


@pytest.mark.parametrize("size", [1, 2, 9])
@pytest.mark.parametrize("prenorm", [True, False])
def test_pieces_of_a_decoder_give_the_whole(net, same, prenorm, size):
    program = net(decoder(prenorm))
    x, memory = torch.randn(2, T, D), torch.randn(2, S, D)
    remembered = program.remember(memory)
    state, outputs, at = (), [], 0
    for piece in x.split(size, 1):
        y, *state = program.step(piece, *remembered, KEEP_MEMORY, torch.tensor(at), *state)
        outputs.append(y)
        at += piece.shape[1]
    everything = torch.ones(2, T, dtype=torch.bool)
    same(torch.cat(outputs, 1), program.masked(x, memory, everything, KEEP_MEMORY))
