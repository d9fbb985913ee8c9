"""Holds the text of a model to a golden file: folded repeats, ties, folds, shared functions."""

from collections.abc import Callable
from pathlib import Path

import pytest

from qdsl.ir.text import model_text
from qdsl.spec import load_spec

GOLDEN = Path(__file__).parent / "golden" / "text.txt"

SPEC = """qspec 1

block Part(d: int) {
    parameter gain: f32[d] = ones
    down = Linear(d -> d)

    fn mix(x: f32[B, N, d]) -> f32[B, N, d] {
        scaled = einsum(down(x), gain, "bnd,d->bnd")
        return scaled
    }

    forward(x: f32[B, T, d], keep: bool[B, T]) -> f32[B, T, d] {
        y = mix(x) + mix(x[:, 0..1])
        return where(keep[:, :, none], y, 0.0)
    }

    fn step(x: f32[B, T, d], h: f32[B, d]) -> f32[B, T, d], f32[B, d] {
        return mix(x), h + x[:, -1]
    }
}

block Shift() {
    forward(x: f32[B, D], by: f32[B, D]) -> f32[B, D] { return x + by }
}

model Net(d: int = 8, layers: int = 5) {
    read = Conv1d(d -> d, 3, padding = "same", bias = false)
    norm = BatchNorm(d)
    parts = repeat layers { Part(d) }
    shifts = repeat 2 { Shift() }
    out = Linear(d -> d, bias = false)
    tie out.weight = parts[0].down.weight

    entry run(x: f32[B, T, d], lengths: i64[B]) {
        x = read(x) |> norm
        keep = range(T) < lengths[:, none]
        return parts(x, keep) |> out
    }

    entry shift(x: f32[B, d], by: [f32[B, d]; 2]) { return shifts(x, each by) }
    entry step(x: f32[B, 1, d], h: [f32[B, d]; layers] = zeros) { return parts.step(x, each h) }
}

policy p for Net {
    default { weights = f32 }
    read { weights = int8 }
    parts[*].down { weights = int4(group = 4); activations = int8(dynamic, per = token) }
    out { weights = int4(group = 4) }
    parts[0, 1].down { weights = any(int4(group = 4), int8(group = 8)) }
    out { weights = any(int4(group = 4), int8(group = 8)) }
    parts[*].scaled { matmul = int8(static) }
    parts[1].down { output = int8(static, asymmetric) }
    parts[3].gain { trainable = false }
}

variant v { model = Net(); policy = p }
"""


@pytest.fixture
def text(tmp_path: Path) -> str:
    (tmp_path / "net.qspec").write_text(SPEC)
    return model_text(load_spec(tmp_path / "net.qspec").variants["v"].model, "net.qspec#v")


def test_the_whole_of_it(text: str, golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN, text)


def test_it_is_the_same_each_time(text: str, tmp_path: Path) -> None:
    again = load_spec(tmp_path / "net.qspec").variants["v"].model
    assert model_text(again, "net.qspec#v") == text


def test_it_grows_with_what_is_distinct(tmp_path: Path) -> None:
    """A thousand equal blocks take the lines of five."""
    texts = []
    for layers in (5, 1000):
        path = tmp_path / f"net{layers}.qspec"
        spec = SPEC.replace("layers: int = 5", f"layers: int = {layers}")
        path.write_text(spec.replace("    entry step", "    # entry step"))
        texts.append(model_text(load_spec(path).variants["v"].model).count("\n"))
    assert texts[0] == texts[1]


def test_equal_types_share_a_function(text: str) -> None:
    assert text.count("\nfn @Part.forward(") == 1
    assert "\nfn @Part.mix(" in text
    assert "\nfn @Part.mix.2(" in text
    assert "parts[0..5] @Part.forward(" in text


def test_elements_that_are_given_different_things_stand_apart(text: str) -> None:
    assert "shifts[0].add(%0, %1)" in text
    assert "shifts[1].add(%3, %2)" in text
