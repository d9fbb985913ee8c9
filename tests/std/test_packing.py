"""Packs a model of each family, loads it and holds it to the program it came from."""

from textwrap import dedent

import pytest
import torch

from qdsl import target
from qdsl.fx import load, verify
from qdsl.spec import load_spec

POLICY = """
    policy rounded for Net {
        default { weights = int8 }
        **:Linear { weights = int4(group = 8); activations = int8(dynamic, per = token) }
    }

    variant packed {
        model = Net()
        policy = rounded
    }
"""
CONFORMER = """
    import std.relative { RelativeAttention }
    import std.speech { ConformerBlock }

    model Net(d: int = 16) {
        blocks = repeat 2 {
            ConformerBlock(d, 2, 3, causal = true, context = 4, attends = RelativeAttention)
        }

        entry run(x: f32[B, T, d], keep: bool[B, T]) { return blocks(x, keep) }
        entry step(
            x: f32[B, T, d],
            at: i64,
            keys: [f32[B, 4, 2, 8]; 2] = zeros,
            values: [f32[B, 4, 2, 8]; 2] = zeros,
            frames: [f32[B, 2, d]; 2] = zeros,
        ) {
            y, keys, values, frames = blocks.step(x, each keys, each values, each frames, at)
            return y, keys, values, frames
        }
    }
"""
TRANSFORMER = """
    import std.positions { LearnedPositions, SinusoidalPositions }
    import std.transformer { TransformerDecoder, TransformerEncoder }

    model Net(d: int = 16) {
        places = LearnedPositions(d, 20)
        waves = SinusoidalPositions(d)
        encoder = TransformerEncoder(d, 2, 2, hidden = 24, activation = gelu)
        decoder = TransformerDecoder(d, 2, 2, hidden = 24, prenorm = false)

        entry run(x: f32[B, T, d], y: f32[B, U, d]) {
            return places(y) |> decoder(waves(x) |> encoder)
        }
        entry remember(x: f32[B, T, d]) { return waves(x) |> encoder |> decoder.remember }
    }
"""
LANGUAGE = """
    import std.language { LanguageModel }

    model Net(d: int = 16) {
        lm = LanguageModel(20, d, 2, 2, 1, 24)

        entry run(ids: i64[B, T]) { return lm(ids) }
        entry step(
            ids: i64[B, T],
            at: i64,
            keys: [f32[B, 8, 1, 8]; 2] = zeros,
            values: [f32[B, 8, 1, 8]; 2] = zeros,
        ) {
            return lm.step(ids, keys, values, at)
        }
    }
"""
torch.manual_seed(0)
X, IDS, AT = torch.randn(2, 6, 16), torch.randint(20, (2, 6)), torch.tensor(0)
KEEP = torch.arange(6) < torch.tensor([[6], [4]])
MODELS = {
    "conformer": (CONFORMER, [("run", (X, KEEP)), ("step", (X, AT))]),
    "transformer": (TRANSFORMER, [("run", (X, X)), ("remember", (X,))]),
    "language": (LANGUAGE, [("run", (IDS,)), ("step", (IDS, AT))]),
}


@pytest.fixture(params=["reference", "cpu"])
def backend(request):
    found = target.backends().get(request.param)
    if request.param == "cpu" and (found is None or not found.availability().available):
        pytest.skip("back end `cpu` is not here")
    return request.param


@pytest.mark.parametrize("family", MODELS)
def test_what_is_packed_computes_the_same(tmp_path, backend, family):
    text, calls = MODELS[family]
    spec, file = tmp_path / "net.qspec", tmp_path / "net.qpack"
    spec.write_text(f"qspec 1\n{dedent(text + POLICY)}", encoding="utf-8")
    variant = load_spec(spec).variants["packed"]
    program = variant.program().to_qat().eval()
    assert program.pack(file) == variant.size().total_bytes
    report = verify(program, file, calls, backend)
    assert report.ok, str(report)
    packed = load(file, backend)
    program.exact()
    with torch.no_grad():
        for entry, inputs in calls:
            for found, expected in zip(
                _flat(packed.entry(entry)(*inputs)),
                _flat(program.entry(entry)(*inputs)),
                strict=True,
            ):
                torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def _flat(results):
    return results if isinstance(results, tuple) else (results,)
