"""Packs a small model with every kind of layer, untrained."""

import pytest

from qdsl import load, load_spec
from qdsl.bench.packed import pack_untrained

SPEC = """qspec 1

model Net(d: int = 16) {
    table = Embedding(32, d)
    up = Linear(d -> 2 * d)
    down = Linear(2 * d -> d)
    norm = LayerNorm(d)
    conv = Conv1d(d -> d, kernel = 3, padding = "same")
    rnn = LSTM(d, d)
    out = Linear(d -> 32, bias = false)
    bend = Linear(d -> d)

    entry run(ids: i64[B, T]) {
        x = table(ids)
        y = norm(x + down(relu(up(x))))
        return y |> conv |> rnn |> out
    }

    entry other(x: f32[B, T, 4, d], lengths: i64[B], flags: bool[B, T]) {
        return bend(x)
    }
}

policy p for Net {
    default { weights = f32 }
    **:Linear { weights = int4(group = 8) }
    {up, bend} { activations = int8(dynamic, per = token) }
    down { weights = bf16 }
    {rnn, conv, table} { weights = int8 }
}

policy s for Net {
    default { weights = f32 }
    **:Linear { weights = int8; activations = int8(static) }
}

variant small { model = Net(); policy = p }

variant fixed { model = Net(); policy = s }
"""


@pytest.fixture(scope="session")
def spec(tmp_path_factory):
    """The path of the spec."""
    path = tmp_path_factory.mktemp("bench") / "net.qspec"
    path.write_text(SPEC, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def program(spec, tmp_path_factory):
    """Of the variant `small`, on the kernels of this processor."""
    path = tmp_path_factory.mktemp("packed") / "small.qpack"
    pack_untrained(load_spec(spec).variants["small"], path)
    return load(path)
