"""Holds selectors to what they say: which paths of a model each of them matches."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qdsl.sema.compile import Variant
from qdsl.sema.selector import glob_fits, match_all
from qdsl.source import Source
from qdsl.syntax import parse, tree

MODEL = """
block Layer(d: int) {
    up = Linear(d -> d)
    down = Linear(d -> d, bias = false)
    norm = LayerNorm(d)
    forward(x: f32[B, d]) -> f32[B, d] { return norm(x) |> up |> down }
}

block Head(d: int) {
    parameter table: f32[4, d] = normal
    out_proj = Linear(d -> d)
    in_proj = Linear(d -> d)
    forward(x: f32[B, d]) -> f32[B, d] { return out_proj(x) |> in_proj }
}

model Net(d: int = 8) {
    blocks = repeat 12 { Layer(d) }
    empty = repeat 0 { Layer(d) }
    head = Head(d)
    norm = LayerNorm(d)
    entry run(x: f32[B, d]) { return blocks(x) |> head |> norm }
}
"""
Match = Callable[[str], list[str]]


def selector(text: str) -> tree.Selector:
    file, findings = parse(Source("rule", f"qspec 1\npolicy p {{ {text} {{ }} }}"))
    assert not findings
    (policy,) = file.items
    assert isinstance(policy, tree.Policy)
    found = policy.rules[0].selector
    assert found is not None
    return found


@pytest.fixture
def matched(variant: Callable[..., Variant]) -> Match:
    """Paths of layers and parameters that a selector matches; a parameter only by its own name."""
    root = variant(MODEL).model.root

    def match(text: str) -> list[str]:
        (found,) = match_all([selector(text)], root)
        return [f"{m.path}.{m.parameter.name}" if m.parameter else m.path for m in found]

    return match


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("head", ["head"]),
        ("head.out_proj", ["head.out_proj"]),
        ("blocks[0].up", ["blocks[0].up"]),
        ("blocks[1].up", ["blocks[1].up"]),
        ("blocks[-1].up", ["blocks[11].up"]),
        ("blocks[0, -1].up", ["blocks[0].up", "blocks[11].up"]),
        ("blocks[2..4].up", ["blocks[2].up", "blocks[3].up"]),
        ("blocks[..2].up", ["blocks[0].up", "blocks[1].up"]),
        ("blocks[10..].up", ["blocks[10].up", "blocks[11].up"]),
        ("blocks[-2..].up", ["blocks[10].up", "blocks[11].up"]),
        ("blocks[..-11].up", ["blocks[0].up"]),
        ("blocks[-1, 0..1, 0].up", ["blocks[0].up", "blocks[11].up"]),
        ("blocks[4..4].up", []),
        ("blocks[12].up", []),
        ("blocks[-13].up", []),
        ("blocks[*].up", [f"blocks[{i}].up" for i in range(12)]),
        ("blocks.up", []),
        ("blocks", []),
        ("empty[*]", []),
        ("head[0]", []),
        ("head.*_proj", ["head.out_proj", "head.in_proj"]),
        ("head.{out_proj, in_proj}", ["head.out_proj", "head.in_proj"]),
        ("head.{out*, table}", ["head.table", "head.out_proj"]),
        ("head.*", ["head.table", "head.out_proj", "head.in_proj"]),
        ("head.out_proj.weight", ["head.out_proj.weight"]),
        ("head.*.weight", ["head.out_proj.weight", "head.in_proj.weight"]),
        ("blocks[0].*.bias", ["blocks[0].up.bias", "blocks[0].norm.bias"]),
        ("**.table", ["head.table"]),
        ("**.norm", [*(f"blocks[{i}].norm" for i in range(12)), "norm"]),
        ("**:LayerNorm", [*(f"blocks[{i}].norm" for i in range(12)), "norm"]),
        ("blocks[0].**:Linear", ["blocks[0].up", "blocks[0].down"]),
        ("*:Head", ["head"]),
        ("head:Layer", []),
        ("head.table:Head", []),
        ("hea", []),
    ],
)
def test_paths(matched: Match, text: str, paths: list[str]) -> None:
    assert matched(text) == paths


def test_two_stars_are_any_number_of_segments(matched: Match) -> None:
    below = matched("head.**")
    assert below == [
        "head",
        "head.table",
        "head.out_proj",
        "head.out_proj.weight",
        "head.out_proj.bias",
        "head.in_proj",
        "head.in_proj.weight",
        "head.in_proj.bias",
    ]
    assert matched("**.head.**") == below == matched("head.**.**")
    assert matched("**")[0] == ""


def test_one_star_is_one_segment(matched: Match) -> None:
    assert matched("*") == [*(f"blocks[{i}]" for i in range(12)), "head", "norm"]
    assert len(matched("*.*.*")) == 12 * 5 + 4


def test_one_is_not_ten(matched: Match) -> None:
    assert all(path.startswith("blocks[1].") for path in matched("blocks[1].*"))


def test_all_selectors_in_one_walk(variant: Callable[..., Variant]) -> None:
    root = variant(MODEL).model.root
    texts = ["blocks[0, 3..5].**", "**:Linear", "head.*", "blocks[-1].norm.weight", "**.nothing"]
    together = match_all([selector(t) for t in texts], root)
    assert together == [match_all([selector(t)], root)[0] for t in texts]


@settings(deadline=None, max_examples=200)
@given(st.text("ab*", max_size=8), st.text("ab", max_size=8))
def test_globs_are_regular(glob: str, name: str) -> None:
    import re

    pattern = ".*".join(map(re.escape, glob.split("*")))
    assert glob_fits(glob, name) == bool(re.fullmatch(pattern, name))
