"""Holds rules on values: products, softmaxes and outputs by the names that functions bind."""

from collections.abc import Callable

import pytest

from qdsl.sema.compile import Variant

MODEL = """
block Attention(d: int) {
    query = Linear(d -> d)
    fn mix(q: f32[B, T, d]) -> f32[B, T, d] {
        scores = einsum(q, q, "btd,bsd->bts")
        weights = softmax(scores)
        return einsum(weights, q, "bts,bsd->btd")
    }
    forward(x: f32[B, T, d]) -> f32[B, T, d] {
        q = query(x)
        scores = einsum(q, q, "btd,bsd->bts")
        return einsum(softmax(scores), mix(q), "bts,bsd->btd")
    }
}
model Net {
    blocks = repeat 2 { Attention(8) }
    entry run(x: f32[B, T, 8]) { return blocks(x) }
}
"""
Codes = Callable[..., list[str]]


@pytest.fixture
def roundings(variant: Callable[..., Variant]) -> Callable[[str], dict[str, dict[str, str]]]:
    """Formats by property and path, of the rules given."""

    def of(rules: str) -> dict[str, dict[str, str]]:
        text = f"{MODEL} policy p for Net {{ default {{ weights = int8 }} {rules} }}"
        model = variant(f"{text} variant v {{ model = Net  policy = p }}").model
        return {
            name: {path: str(f) for path, f in found.items()}
            for name, found in model.roundings.items()
        }

    return of


Roundings = Callable[[str], dict[str, dict[str, str]]]


def test_a_name_is_the_value_in_all_functions(roundings: Roundings) -> None:
    assert roundings("blocks[0].scores { matmul = int8 }") == {
        "matmul": {
            "blocks[0].mix.scores": "int8(static)",
            "blocks[0].forward.scores": "int8(static)",
        }
    }


def test_a_function_may_be_named(roundings: Roundings) -> None:
    found = roundings("blocks[*].forward.scores { matmul = int8(dynamic) }")
    paths = ["blocks[0].forward.scores", "blocks[1].forward.scores"]
    assert found == {"matmul": dict.fromkeys(paths, "int8(dynamic, per = token)")}


def test_the_last_rule_wins_and_f32_is_left_out(roundings: Roundings) -> None:
    rules = "**.scores { matmul = int8 } blocks[0].** { matmul = f32 }"
    assert set(roundings(rules)["matmul"]) == {"blocks[1].mix.scores", "blocks[1].forward.scores"}


def test_softmax_and_output(roundings: Roundings) -> None:
    rules = "blocks[0].** { softmax = uint8 } **:Linear { output = int8(asymmetric) }"
    assert roundings(rules) == {
        "softmax": {"blocks[0].mix.weights": "uint8(static)"},
        "output": dict.fromkeys(["blocks[0].query", "blocks[1].query"], "int8(static, asymmetric)"),
    }


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("blocks[0].weights { matmul = int8 }", ["Q305"]),
        ("blocks[0].query { softmax = int8 }", ["Q305"]),
        ("blocks[0].scors { matmul = int8 }", ["Q304"]),
        ("blocks[0].scores { matmul = any(int8, int4) }", ["Q201"]),
        ("blocks[0].scores { matmul = int8; matmul = int4 }", ["Q205"]),
    ],
)
def test_wrong_rules(codes: Codes, rule: str, expected: list[str]) -> None:
    text = f"{MODEL} policy p for Net {{ default {{ weights = int8 }} {rule} }}"
    assert codes(f"{text} variant v {{ model = Net  policy = p }}") == expected


def test_an_entry_that_fails_is_the_only_finding(codes: Codes) -> None:
    text = MODEL.replace("return blocks(x) }", "return blocks(y) }")
    rules = "policy p for Net { default { weights = int8 } blocks[0].scores { matmul = int8 } }"
    assert codes(f"{text} {rules} variant v {{ model = Net  policy = p }}") == ["Q101"]
