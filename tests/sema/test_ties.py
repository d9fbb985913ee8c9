"""Holds ties to their rules: one owner at the end of each chain, one format for all names."""

from collections.abc import Callable

import pytest

from qdsl.sema.compile import Compiled, Variant

NET = """
model Net(d: int = 8, vocab: int = 32) {{
    embedding = Embedding(vocab, d)
    middle = Linear(d -> vocab)
    output = Linear(d -> vocab)
    {ties}
    entry run(ids: i64[B]) {{ return embedding(ids) |> output }}
    entry other(ids: i64[B]) {{ return embedding(ids) |> middle }}
}}
policy p for Net {{ {rules} }}
variant v {{ model = Net  policy = p }}
"""
TIE = "tie output.weight = embedding.weight"
Codes = Callable[..., list[str]]


def net(ties: str, rules: str = "default { weights = f32 }") -> str:
    return NET.format(ties=ties, rules=rules)


def test_a_tied_weight_is_stored_under_its_owner(variant: Callable[..., Variant]) -> None:
    model = variant(net(TIE)).model
    assert model.ties == {"output.weight": "embedding.weight"}
    assert [s.path for s in model.storages] == [
        "embedding.weight",
        "middle.weight",
        "middle.bias",
        "output.bias",
    ]
    assert model.storage("output.weight").path == "embedding.weight"


@pytest.mark.parametrize("turned", [False, True])
def test_chains_end_at_one_owner(variant: Callable[..., Variant], turned: bool) -> None:
    ties = ["tie output.weight = middle.weight", "tie middle.weight = embedding.weight"]
    model = variant(net("\n".join(ties[::-1] if turned else ties))).model
    assert model.ties == {
        "output.weight": "embedding.weight",
        "middle.weight": "embedding.weight",
    }


def test_ties_within_repeated_blocks(variant: Callable[..., Variant]) -> None:
    model = variant("""
        block Pair(d: int) {
            a = Linear(d -> d)
            b = Linear(d -> d)
            tie b.weight = a.weight
            forward(x: f32[B, d]) -> f32[B, d] { return a(x) |> b }
        }
        model Net(d: int = 8) {
            pairs = repeat 2 { Pair(d) }
            tie pairs[1].a.weight = pairs[0].a.weight
            entry run(x: f32[B, d]) { return pairs(x) }
        }
    """).model
    assert set(model.ties.values()) == {"pairs[0].a.weight"}
    assert set(model.ties) == {"pairs[0].b.weight", "pairs[1].b.weight", "pairs[1].a.weight"}


@pytest.mark.parametrize(
    "rules",
    [
        "embedding { weights = int8 }",
        "output { weights = int8 }",
        "embedding { weights = int8 } output { weights = int8 }",
        "output { weights = int4 } output { weights = int8 } embedding { weights = int8 }",
    ],
)
def test_a_rule_on_any_name_claims_the_storage(
    compiled: Callable[..., Compiled], rules: str
) -> None:
    found = compiled(net(TIE, f"default {{ weights = f32 }} {rules}"))
    assert found.ok
    formats = {s.path: str(s.format) for s in found.variants["v"].model.storages}
    assert formats["embedding.weight"] == "int8"


@pytest.mark.parametrize(
    "rules",
    [
        "embedding { weights = int8 } output { weights = int4 }",
        "output { weights = int4 } embedding { weights = int8 }",
        "embedding { weights = int8 } **:Linear { weights = int4 }",
    ],
)
def test_rules_that_disagree(codes: Codes, rules: str) -> None:
    assert codes(net(TIE, f"default {{ weights = f32 }} {rules}")) == ["Q311"]


def test_the_rule_to_add_settles_the_matter(compiled: Callable[..., Compiled]) -> None:
    rules = "default { weights = f32 } embedding { weights = int8 } **:Linear { weights = int4 }"
    (finding,) = compiled(net(TIE, rules)).diagnostics
    assert finding.help is not None
    added = finding.help.split("`")[1]
    assert added == "output.weight { weights = int8 }"
    assert compiled(net(TIE, f"{rules} {added}")).ok


def test_default_gives_way(codes: Codes) -> None:
    assert codes(net(TIE, "default { weights = int4 } embedding { weights = int8 }")) == []


@pytest.mark.parametrize(
    ("ties", "expected"),
    [
        ("tie output.weight = output.weight", ["Q217"]),
        ("tie output.weight = middle.weight tie middle.weight = output.weight", ["Q217"]),
        ("tie output.weight = embedding.weight tie output.weight = middle.weight", ["Q219"]),
        ("tie output.bias = embedding.weight", ["Q218"]),
        ("tie output.wieght = embedding.weight", ["Q101"]),
        ("tie outptu.weight = embedding.weight", ["Q101"]),
        ("tie output = embedding", ["Q201"]),
        ("tie d = embedding.weight", ["Q201"]),
    ],
)
def test_wrong_ties(codes: Codes, ties: str, expected: list[str]) -> None:
    assert codes(net(ties)) == expected
