"""Elaborates the std blocks in several configurations, and holds them to the checks of a spec."""

from collections.abc import Callable
from pathlib import Path

import pytest

from qdsl.sema.check import run_checks
from qdsl.sema.compile import Variant
from qdsl.sema.context import Context
from qdsl.sema.files import STD, Loader
from qdsl.syntax import read

MODULES = sorted(STD.glob("*.qspec"))
Results = Callable[[str, str, str], list[str]]


@pytest.fixture
def results(variant: Callable[..., Variant]) -> Results:
    """Types that an entry with a std block `m` returns."""

    def of(member: str, inputs: str, value: str) -> list[str]:
        kind = member.partition("(")[0]
        module = next(p.stem for p in MODULES if f"block {kind}(" in p.read_text())
        made = variant(f"""
            import std.{module} {{ {kind} }}
            model Net {{ m = {member}  entry run({inputs}) {{ {value} }} }}
        """).model.entries[0]
        return [str(t) for t in made.results]

    return of


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_std_modules_pass_the_checks(path: Path) -> None:
    context = Context()
    loader = Loader(context, path.parent, read)
    loader.load(path, path.name)
    run_checks([s for s in loader.scopes.values() if s], context)
    assert context.diagnostics == ()


SEQUENCE = "x: f32[B, T, 24]"
KEEP = f"{SEQUENCE}, keep: bool[B, T]"


@pytest.mark.parametrize(
    ("member", "inputs", "value"),
    [
        ("FeedForward(24)", SEQUENCE, "m(x)"),
        ("FeedForward(24, expansion = 2, dropout = 0.1)", SEQUENCE, "m(x)"),
        ("MultiHeadAttention(24, heads = 1)", SEQUENCE, "m(x)"),
        ("MultiHeadAttention(24, heads = 4)", KEEP, "m(x, keep)"),
        ("ConvolutionModule(24)", SEQUENCE, "m(x)"),
        ("ConvolutionModule(24, kernel = 5, dropout = 0.1)", KEEP, "m(x, keep = keep)"),
        ("ConformerBlock(24, 4)", SEQUENCE, "m(x)"),
        ("ConformerBlock(24, 2, kernel = 7, dropout = 0.2)", KEEP, "m(x, keep)"),
    ],
)
def test_blocks_of_one_width(results: Results, member: str, inputs: str, value: str) -> None:
    assert results(member, inputs, f"return {value}") == ["f32[B, T, 24]"]


@pytest.mark.parametrize(
    ("factor", "features", "length"),
    [(2, 80, "(T + 1) // 2"), (4, 80, "(T + 3) // 4"), (4, 41, "(T + 3) // 4")],
)
def test_subsampling(results: Results, factor: int, features: int, length: str) -> None:
    found = results(
        f"ConvSubsample({features} -> 24, factor = {factor})",
        f"x: f32[B, T, {features}]",
        "return m(x)",
    )
    assert found == [f"f32[B, {length}, 24]"]


def test_prediction_networks(results: Results) -> None:
    labels = "labels: i64[B, U]"
    assert results("LstmPrediction(30, 16, 24)", labels, "return m(labels)") == [
        "f32[B, U + 1, 24]"
    ]
    assert results("LstmPrediction(30, 16, 24, projection = 8)", labels, "return m(labels)") == [
        "f32[B, U + 1, 8]"
    ]
    step = "label: i64[B, 1], h: f32[B, 8], c: f32[B, 24]"
    assert results(
        "LstmPrediction(30, 16, 24, 8)", step, "y, h, c = m.step(label, h, c)  return y, h, c"
    ) == ["f32[B, 1, 8]", "f32[B, 8]", "f32[B, 24]"]
    assert results("ReducedPrediction(30, 16)", labels, "return m(labels)") == ["f32[B, U + 1, 16]"]
    assert results(
        "ReducedPrediction(30, 16, heads = 2, context = 3)",
        "labels: i64[B, 3]",
        "return m.last(labels)",
    ) == ["f32[B, 1, 16]"]


def test_the_joint(results: Results) -> None:
    inputs = "f: f32[B, S, 16], g: f32[B, P, 16]"
    assert results("Joint(16 -> 30)", inputs, "return m(f, g)") == ["f32[B, S, P, 30]"]
    inputs = "f: f32[B, S, 16], g: f32[B, P, 8]"
    assert results("Joint(16 -> 30, from_states = 8)", inputs, "return m(f, g)") == [
        "f32[B, S, P, 30]"
    ]
