"""Compares Conformer blocks with a hand-written module, and their pieces with the whole."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from qdsl.spec import check_spec

D, HEADS, KERNEL, CONTEXT, T = 8, 2, 5, 4, 10
KEEP = torch.arange(T) < torch.tensor([[10], [6]])
ATTENTION = {
    "MultiHeadAttention": "import std.attention { MultiHeadAttention }",
    "RelativeAttention": "import std.relative { RelativeAttention }",
    "RotaryAttention": "import std.rotary { RotaryAttention }",
}


def feed_forward() -> nn.Module:
    linear = (nn.Linear(D, 4 * D), nn.SiLU(), nn.Linear(4 * D, D))
    return nn.Sequential(nn.LayerNorm(D), *linear)


PARTS = ("query", "key", "value")
NAMES = {
    "attention.norm": "attention_norm",
    "attention.output": "attention.out_proj",
    "convolution.norm": "convolution_norm",
    "convolution.expand": "expand",
    "convolution.depthwise": "depthwise",
    "convolution.batch_norm": "batch_norm",
    "convolution.project": "project",
    "norm": "norm",
}
for ff in ("ff1", "ff2"):
    NAMES |= {f"{ff}.norm": f"{ff}.0", f"{ff}.up": f"{ff}.1", f"{ff}.down": f"{ff}.3"}
    NAMES |= {f"{ff}.map": f"{ff}.0"}  # of a feed-forward of one layer


class Conformer(nn.Module):
    """A block as arXiv 2005.08100 draws it, attention without positions; [B, T, D]."""

    def __init__(self, causal, feed_forward=feed_forward) -> None:
        super().__init__()
        self.ff1, self.ff2 = feed_forward(), feed_forward()
        self.attention_norm, self.convolution_norm, self.norm = (nn.LayerNorm(D) for _ in range(3))
        self.attention = nn.MultiheadAttention(D, HEADS, batch_first=True)
        self.expand, self.project = nn.Conv1d(D, 2 * D, 1), nn.Conv1d(D, D, 1)
        self.depthwise = nn.Conv1d(D, D, KERNEL, groups=D, bias=False)
        self.batch_norm = nn.BatchNorm1d(D)
        self.edges = (KERNEL - 1, 0) if causal else (KERNEL // 2, KERNEL // 2)
        self.causal = causal

    def forward(self, x, keep=None):
        x = x + self.ff1(x) / 2
        mask = None
        if self.causal:
            distance = torch.arange(T)[:, None] - torch.arange(T)
            mask = (distance < 0) | (distance > CONTEXT)
        y, ignored = self.attention_norm(x), None if keep is None else ~keep
        x = x + self.attention(y, y, y, key_padding_mask=ignored, attn_mask=mask)[0]
        y = F.glu(self.expand(self.convolution_norm(x).transpose(1, 2)), 1)
        if keep is not None:
            y = y * keep[:, None]
        y = self.batch_norm(self.depthwise(F.pad(y, self.edges)))
        x = x + self.project(F.silu(y)).transpose(1, 2)
        return self.norm(x + self.ff2(x) / 2)

    def copied(self, weights):
        """With the weights of a `ConformerBlock`, every one of its own."""
        state, own = {}, self.state_dict()
        for kind in ("weight", "bias"):
            parts = [weights[f"attention.{p}.{kind}"] for p in PARTS]
            state[f"attention.in_proj_{kind}"] = torch.cat(parts)
        for name, tensor in weights.items():
            module, _, kind = name.rpartition(".")
            if module in NAMES:
                key = f"{NAMES[module]}.{kind}"
                last = module == "convolution.depthwise"
                state[key] = (tensor.transpose(1, 2) if last else tensor).reshape(own[key].shape)
        assert own.keys() - state.keys() == {"batch_norm.num_batches_tracked"}
        self.load_state_dict(state, strict=False)
        return self.eval()


def text(options: str, entry: str = "", imports: str = "") -> str:
    return f"""
        import std.speech {{ ConformerBlock }}
        {imports}

        model Net(d: int = {D}) {{
            blocks = repeat 3 {{ ConformerBlock(d, {HEADS}, {KERNEL}{options}) }}

            entry first(x: f32[B, T, d]) {{ return blocks[0](x) }}
            entry run(x: f32[B, T, d]) {{ return blocks(x) }}
            entry masked(x: f32[B, T, d], keep: bool[B, T]) {{ return blocks(x, keep = keep) }}
            {entry}
        }}
    """


CAUSAL = f", causal = true, context = {CONTEXT}"
CACHE = f"[f32[B, {CONTEXT}, {HEADS}, {D // HEADS}]; 3]"
STEP = f"""
    entry step(
        x: f32[B, T, d],
        at: i64,
        keys: {CACHE} = zeros,
        values: {CACHE} = zeros,
        frames: [f32[B, {KERNEL - 1}, d]; 3] = zeros,
    ) {{
        y, keys, values, frames = blocks.step(x, each keys, each values, each frames, at)
        return y, keys, values, frames
    }}
"""


@pytest.mark.parametrize("causal", [False, True])
def test_blocks(net, taken, same, causal):
    program, x = net(text(CAUSAL if causal else "")), torch.randn(2, T, D)
    modules = [Conformer(causal).copied(taken(program, f"blocks[{i}]")) for i in range(3)]
    same(program.first(x), modules[0](x))
    y, masked = x, x
    for module in modules:
        y, masked = module(y), module(masked, KEEP)
    same(program.run(x), y)
    same(program.masked(x, KEEP)[KEEP], masked[KEEP])


@pytest.mark.parametrize("size", [1, 2, 4, 7, 10])
@pytest.mark.parametrize("attends", ATTENTION)
def test_pieces_give_the_whole(net, same, attends, size):
    program = net(text(f"{CAUSAL}, attends = {attends}", STEP, ATTENTION[attends]))
    x, state, outputs, at = torch.randn(2, T, D), (), [], 0
    for piece in x.split(size, 1):
        y, *state = program.step(piece, torch.tensor(at), *state)
        assert len(state) == 9
        outputs.append(y)
        at += piece.shape[1]
    same(torch.cat(outputs, 1), program.run(x))


def test_parts_can_be_replaced(net, taken, same):
    """A feed-forward of one's own, from a block parameter."""
    own = """
        block Map(d: int, dropout: float = 0.0) {
            map = Linear(d -> d, bias = false)

            forward(x: f32[B, T, d]) -> f32[B, T, d] { return map(x) |> relu }
        }
    """
    program, x = net(text(", feeds = Map", imports=own)), torch.randn(2, T, D)
    module = Conformer(False, lambda: nn.Sequential(nn.Linear(D, D, bias=False), nn.ReLU()))
    same(program.first(x), module.copied(taken(program, "blocks[0]"))(x))


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ("", "Q201"),  # attention that is not causal has no cache
        (", causal = true", None),
        (f", causal = true, context = {CONTEXT + 1}", "Q210"),  # the caches are of another length
        (", causal = true, attends = RelativeAttention", "Q210"),  # it takes a limited context
        (", context = 4", "Q207"),
    ],
)
def test_what_cannot_be_streamed_is_refused(tmp_path, options, code):
    path = tmp_path / "test.qspec"
    imports = ATTENTION["RelativeAttention"] if "Relative" in options else ""
    path.write_text("qspec 1\n" + text(options, STEP, imports))
    found = check_spec(path).diagnostics
    assert [d.code for d in found] == ([code] if code else [])
