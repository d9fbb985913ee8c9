"""What the arithmetic of a policy makes of a model."""

from pathlib import Path

import pytest

from qdsl.ir.model import Arithmetic, Functions, Model
from qdsl.ir.ranges import NORM_PARTS, SOFTMAX_PARTS
from qdsl.spec import load_spec

SPEC = """qspec 1

model Net(d: int = 8) {
    table = Embedding(5, d)
    norm = LayerNorm(d)
    up = Linear(d -> d)

    entry run(ids: i64[B, T]) {
        x = table(ids)
        y = norm(x) |> up
        scores = einsum(y, x, "btd,bsd->bts")
        shares = softmax(scores)
        mixed = einsum(shares, x, "bts,bsd->btd")
        squashed = tanh(mixed)
        return x + squashed
    }
}

policy p {
    default { weights = int8; arithmetic = ARITHMETIC }
    optional up { RULE }
}

variant v { model = Net; policy = p; target = reference }
"""
LAYERS = {"table", "norm", "up"}


def _model(tmp_path: Path, arithmetic: str, rule: str = "bias = f32") -> Model:
    path = tmp_path / "net.qspec"
    path.write_text(SPEC.replace("ARITHMETIC", arithmetic).replace("RULE", rule))
    return load_spec(path).variants["v"].model


def test_paper_rounds_all_but_sums(tmp_path: Path) -> None:
    model = _model(tmp_path, "paper")
    assert model.arithmetic is Arithmetic.FLOAT  # with roundings, which say all of it
    assert set(model.activations) == {"up"}
    found = {property: set(paths) for property, paths in model.roundings.items()}
    assert found == {
        "output": {*LAYERS, "run.squashed"},
        "matmul": {"run.scores", "run.mixed"},
        "softmax": {"run.shares"},
        **{part: {"run.shares"} for part in SOFTMAX_PARTS},
        **{part: {"norm"} for part in NORM_PARTS},
    }
    formats = {f for paths in model.roundings.values() for f in paths.values()}
    assert {str(f) for f in formats} == {"uint8(static, asymmetric)"}


def test_a_rule_wins_over_the_paper(tmp_path: Path) -> None:
    rule = "activations = int8(static); output = f32"
    model = _model(tmp_path, "paper", rule)
    assert str(model.activations["up"]) == "int8(static)"
    assert "up" not in model.roundings["output"]


@pytest.mark.parametrize("functions", Functions)
def test_integer_is_of_the_whole_model(tmp_path: Path, functions: Functions) -> None:
    model = _model(tmp_path, f"integer; functions = {functions}")
    assert (model.arithmetic, model.functions) == (Arithmetic.INTEGER, functions)
    assert not model.activations
    assert not model.roundings


def test_float_is_what_it_was(tmp_path: Path) -> None:
    model = _model(tmp_path, "float; functions = polynomial")
    assert (model.arithmetic, model.functions) == (Arithmetic.FLOAT, Functions.TABLE)
    assert not model.roundings
