"""Writes a model of any number of layers: all blocks alike, or no two of them."""

TEXT = """\
qspec 1

block Layer(d: int, hidden: int) {{
    norm = LayerNorm(d)
    up = Linear(d -> hidden)
    gate = Linear(d -> hidden)
    down = Linear(hidden -> d)
    drop = Dropout(0.1)

    forward(x: f32[B, T, d]) -> f32[B, T, d] {{
        y = norm(x)
        return x + (silu(gate(y)) * up(y) |> down |> drop)
    }}
}}

model Deep(d: int = 256) {{
    blocks = {blocks}

    entry run(x: f32[B, T, d]) {{ return blocks(x) }}
}}

policy p for Deep {{
    default {{ weights = f32 }}
    blocks[*].**:Linear {{ weights = int4(group = 64) }}
    blocks[0, -1].**:Linear {{ weights = int8 }}
}}

budget b {{
    size(*) <= 100000 GiB
}}

variant deep {{
    model = Deep
    policy = p
    budget = b
}}
"""
LAYERS_OF_A_BLOCK = 5


def deep_spec(layers: int, *, alike: bool) -> str:
    """A spec that unrolls to so many layers, a multiple of five."""
    count = layers // LAYERS_OF_A_BLOCK
    if alike:
        return TEXT.format(blocks=f"repeat {count} {{ Layer(d, 4 * d) }}")
    return TEXT.format(blocks=f"repeat {count} as i {{ Layer(d, 64 * i + 64) }}")
