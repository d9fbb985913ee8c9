"""Writes a spec of any length, out of families of a Conformer recogniser, the same each time.

What a family holds is what people write: blocks, an encoder, a model with streaming state, two
policies, a budget and variants. Families differ in their widths, so that no two compile alike.
"""

from collections.abc import Iterator

HEAD = """\
qspec 1

import std.speech { ConvSubsample, Joint, LstmPrediction, ReducedPrediction }

const features = 80

format w4 = int4(group = 64, scale = f16)
format w4s = int4(group = 64) sparse 2:4
format w2 = int2(group = 32, clip = search, scale = f16, asymmetric)
format a8 = int8(dynamic, per = token)
"""

ITEMS = (
    """
## Two linear maps with a gated unit between them, normalised first.
block Feed{n}(d: int, expansion: int = {expansion}, dropout: float = 0.1) {{
    norm = LayerNorm(d)
    up = Linear(d -> 2 * expansion * d)
    down = Linear(expansion * d -> d)
    drop = Dropout(dropout)

    forward(x: f32[B, T, d]) -> f32[B, T, d] {{
        hidden = norm(x) |> up |> glu |> silu
        return drop(hidden) |> down |> drop
    }}
}}
""",
    """
## Self-attention over what `keep` marks true, with a scale per head that is learned.
block Attention{n}(d: int, heads: int, dropout: float = 0.1) where d % heads == 0 {{
    const width = d // heads

    norm = LayerNorm(d)
    query = Linear(d -> d)
    key = Linear(d -> d, bias = false)
    value = Linear(d -> d)
    output = Linear(d -> d)
    drop = Dropout(dropout)
    parameter scale: f32[heads, 1, 1] = ones

    forward(x: f32[B, T, d], keep: bool[B, T] = none) -> f32[B, T, d] {{
        x = norm(x)
        q = query(x) / sqrt(width) |> reshape(B, T, heads, width)
        k = key(x) |> reshape(B, T, heads, width)
        v = value(x) |> reshape(B, T, heads, width)
        scores = scale * einsum(q, k, "bthd,bshd->bhts")
        scores = if keep is none {{ scores }} else {{ where(keep[:, none, none], scores, -1e9) }}
        mixed = einsum(softmax(scores) |> drop, v, "bhts,bshd->bthd")
        return output(mixed |> reshape(B, T, d)) |> drop
    }}
}}
""",
    """
## Pointwise, depthwise and pointwise convolution with a gated unit.
block Convolution{n}(d: int, kernel: int = {kernel}) where kernel % 2 == 1 {{
    norm = LayerNorm(d)
    expand = Linear(d -> 2 * d)
    depthwise = Conv1d(d -> d, kernel, padding = "same", groups = d, bias = false)
    batch_norm = BatchNorm(d)
    project = Linear(d -> d)

    forward(x: f32[B, T, d], keep: bool[B, T] = none) -> f32[B, T, d] {{
        x = norm(x) |> expand |> glu
        x = if keep is none {{ x }} else {{ where(keep[:, :, none], x, 0.0) }}
        return depthwise(x) |> batch_norm |> silu |> project
    }}
}}
""",
    """
block Layer{n}(d: int, heads: int) {{
    feed1 = Feed{n}(d)
    attention = Attention{n}(d, heads)
    convolution = Convolution{n}(d)
    feed2 = Feed{n}(d)
    norm = LayerNorm(d)

    forward(x: f32[B, T, d], keep: bool[B, T] = none) -> f32[B, T, d] {{
        x = x + 0.5 * feed1(x)
        x = x + attention(x, keep)
        x = x + convolution(x, keep)
        x = x + 0.5 * feed2(x)
        return norm(x)
    }}
}}
""",
    """
block Encoder{n}(d: int, layers: int, heads: int = {heads}) where d % heads == 0 {{
    subsample = ConvSubsample(features -> d, factor = 4)
    blocks = repeat layers {{ Layer{n}(d, heads) }}
    norm = LayerNorm(d)

    forward(audio: f32[B, T, features], lengths: i64[B]) -> f32[B, S, d], i64[B] {{
        x = subsample(audio)  # S names what was computed from T
        n = len(S, lengths)
        keep = range(S) < n[:, none]
        return x |> blocks(keep = keep) |> norm, n
    }}
}}
""",
    """
## A recogniser whose prediction network is {prediction}.
model Recogniser{n}(d: int = {d}, layers: int = {layers}, vocab: int = 512) {{
    encoder = Encoder{n}(d, layers)
{members}

    entry encode(audio: f32[B, T, features], lengths: i64[B]) {{ return encoder(audio, lengths) }}

    entry predict(labels: i64[B, U]) {{ return prediction(labels) }}

{step}

    entry join(frames: f32[B, S, d], states: f32[B, P, {width}]) {{ return joint(frames, states) }}
}}
""",
    """
policy small{n} for Recogniser{n} {{
    default {{ weights = f32 }}
    encoder.subsample.** {{ weights = int8 }}
    encoder.blocks[*].**:Linear {{ weights = w4 }}
    encoder.blocks[0, -1].**:Linear {{ weights = int8 }}  # first and last blocks
    encoder.blocks[*].**.depthwise {{ weights = int8 }}
    encoder.blocks[*].attention.scale {{ weights = f16 }}
    prediction.embedding {{ weights = int8 }}
    joint.{{frames, states}} {{ weights = int8; activations = a8 }}
}}

policy sparse{n} extends small{n} {{
    encoder.blocks[1..-1].{{feed1, feed2}}.*:Linear {{ weights = w4s }}
}}
""",
    """
budget phone{n} {{
    size(*) <= 64 MiB
    size(encoder.**) <= 60 MiB
    ratio(*) >= 2 x over f32
    bits(encoder.blocks[*].**) <= 8
    macs(encode, B = 1, T = 1000) <= 50 G
}}
""",
)

PACKED = """
variant small{n}_phone {{
    model = Recogniser{n}(d = {d}, layers = {layers})
    policy = small{n}
    budget = phone{n}
}}
"""
FLOAT = """
variant float{n} {{
    model = Recogniser{n}()
}}
"""
OTHERS = """
variant sparse{n}_phone extends small{n}_phone {{
    policy = sparse{n}
}}

variant tiny{n} extends small{n}_phone {{
    model.layers = {fewer}
    policy += {{ encoder.blocks[1..-1].feed1.up {{ weights = w2 }} }}
}}
"""

RECURRENT = {
    "prediction": "an LSTM",
    "members": "    prediction = LstmPrediction(vocab, 64, 128)\n    joint = Joint(d, vocab, 128)",
    "step": (
        "    entry step(label: i64[B, 1], h: f32[B, 128] = zeros, c: f32[B, 128] = zeros) {\n"
        "        return prediction.step(label, h, c)\n    }"
    ),
    "width": "128",
}
REDUCED = {
    "prediction": "an average of embeddings, tied to the output",
    "members": (
        "    prediction = ReducedPrediction(vocab, d, heads = 4, context = 2)\n"
        "    joint = Joint(d -> vocab)\n"
        "    tie joint.output.weight = prediction.embedding.weight"
    ),
    "step": "    entry step(labels: i64[B, 2]) { return prediction.last(labels) }",
    "width": "d",
}


def long_spec(lines: int, *, variants: int = 4) -> str:
    """A valid spec, formatted, of the most whole items that fit in so many lines.

    variants: of each model, 4 or 1, the packed one.
    """
    assert variants in (1, 4)
    text, left = HEAD, lines - HEAD.count("\n")
    for item in _items(PACKED if variants == 1 else FLOAT + PACKED + OTHERS):
        left -= item.count("\n")
        if left < 0:
            break
        text += item
    return text


def _items(variants: str) -> Iterator[str]:
    n = 0
    while True:
        n += 1
        words = REDUCED if n % 2 else RECURRENT
        numbers = {
            "n": n,
            "expansion": 2 + n % 3,
            "kernel": 15 + 2 * (n % 9),
            "heads": 4 if n % 2 else 8,
            "d": 128 + 64 * (n % 4),
            "layers": 4 + n % 8,
            "fewer": 3 + n % 4,
        }
        for item in (*ITEMS, variants):
            yield item.format(**words, **numbers)
