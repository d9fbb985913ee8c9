"""Holds rules on values: products, softmaxes and outputs by the names that functions bind."""

from collections.abc import Callable

import pytest

from qdsl.sema.compile import Compiled, Variant

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


def test_integers_and_truths_are_never_rounded(variant: Callable[..., Variant]) -> None:
    model = variant("""
        model Net {
            entry run(x: f32[B, T]) {
                early = range(T) < 5
                shifted = range(T) + 1
                kept = where(early, x, 0.0)
                return kept, shifted
            }
        }
        policy p for Net { ** { output = int8(static) } }
        variant v { model = Net  policy = p }
    """).model
    assert list(model.roundings["output"]) == ["run.kept"]


def test_attention_of_the_library(variant: Callable[..., Variant]) -> None:
    """Products and the softmax of the library's attention, with and without a mask."""
    text = """
        import std.attention { MultiHeadAttention }
        model Net {
            blocks = repeat 2 { MultiHeadAttention(16, 4) }
            entry run(x: f32[B, T, 16], keep: bool[B, T]) { return blocks(x, keep = keep) }
        }
        policy p for Net {
            default { weights = int8 }
            blocks[0].{scores, mixed} { matmul = int8 }
            blocks[1].** { matmul = int8(dynamic); softmax = uint8 }
        }
        variant v { model = Net  policy = p }
    """
    found = variant(text).model.roundings
    assert {p: str(f) for p, f in found["matmul"].items()} == {
        "blocks[0].forward.scores": "int8(static)",
        "blocks[0].forward.mixed": "int8(static)",
        "blocks[1].forward.scores": "int8(dynamic, per = token)",
        "blocks[1].forward.mixed": "int8(dynamic, per = token)",
    }
    assert list(found["softmax"]) == ["blocks[1].forward.mixed"]


def test_a_value_without_the_property_is_told(compiled: Callable[..., Compiled]) -> None:
    rules = "policy p for Net { default { weights = int8 } blocks[0].q { matmul = int8 } }"
    (found,) = compiled(f"{MODEL} {rules} variant v {{ model = Net  policy = p }}").diagnostics
    assert (found.code, found.fix) == ("Q304", None)
    softmax = rules.replace("blocks[0].q { matmul", "blocks[0].mix.scores { softmax")
    (found,) = compiled(f"{MODEL} {softmax} variant v {{ model = Net  policy = p }}").diagnostics
    assert (found.code, found.help, found.fix) == ("Q305", "it is the value of einsum", None)
