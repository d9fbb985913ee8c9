"""Holds policies to their rules: the last match wins, nothing is silent, bases come first."""

from collections.abc import Callable

import pytest

from qdsl.sema.compile import Compiled, Variant

MODEL = """
block Layer(d: int) {
    up = Linear(d -> d)
    down = Linear(d -> d)
    norm = LayerNorm(d)
    forward(x: f32[B, d]) -> f32[B, d] { return norm(x) |> up |> down }
}

model Net(d: int = 8, layers: int = 3) {
    blocks = repeat layers { Layer(d) }
    cell = LSTM(d, d)
    entry run(x: f32[B, T, d]) { return cell(x) }
    entry stack(x: f32[B, d]) { return blocks(x) }
}
"""
Codes = Callable[..., list[str]]
Formats = Callable[[str], dict[str, str]]


def with_policy(rules: str, *, header: str = "p for Net", more: str = "") -> str:
    name = header.split()[0]
    used = f"variant v {{ model = Net  policy = {name} {more} }}"
    return f"{MODEL}\npolicy {header} {{ {rules} }}\n{used}"


@pytest.fixture
def formats(variant: Callable[..., Variant]) -> Formats:
    """Formats of the storages of a file's first variant, by path, those in f32 left out."""

    def of(text: str) -> dict[str, str]:
        storages = variant(text).model.storages
        return {s.path: str(s.format) for s in storages if str(s.format) != "f32"}

    return of


def test_the_last_match_wins(formats: Formats) -> None:
    found = formats(
        with_policy("""
            default { weights = f32 }
            blocks[*].** { weights = int8 }
            blocks[*].up { weights = int4 }
            blocks[-1].** { weights = int2 }
        """)
    )
    assert found == {
        "blocks[0].up.weight": "int4",
        "blocks[0].down.weight": "int8",
        "blocks[1].up.weight": "int4",
        "blocks[1].down.weight": "int8",
        "blocks[2].up.weight": "int2",
        "blocks[2].down.weight": "int2",
    }


def test_default_is_the_lowest_rule_wherever_it_stands(formats: Formats) -> None:
    rules = ["blocks[*].** { weights = int8 }", "default { weights = int4 }"]
    first, last = (formats(with_policy(" ".join(order))) for order in (rules[::-1], rules))
    assert first == last
    assert first["blocks[0].up.weight"] == "int8"
    assert first["cell.weight_ih"] == "int4"


def test_properties_win_one_by_one(variant: Callable[..., Variant]) -> None:
    model = variant(
        with_policy("""
            default { weights = int8; bias = f16; norm = bf16 }
            blocks[*].up { bias = f32; activations = int8(dynamic) }
            blocks[0].up { activations = f32 }
            cell { activations = int8(dynamic, per = tensor); state = int8(dynamic) }
            blocks[2].** { trainable = false }
        """)
    ).model
    formats = {s.path: str(s.format) for s in model.storages}
    assert formats["blocks[0].up.bias"] == "f32"
    assert formats["blocks[0].down.bias"] == "f16"
    assert formats["blocks[0].norm.weight"] == "bf16"
    assert {p: str(f) for p, f in model.activations.items()} == {
        "blocks[1].up": "int8(dynamic, per = token)",
        "blocks[2].up": "int8(dynamic, per = token)",
        "cell": "int8(dynamic, per = tensor)",
    }
    assert list(model.states) == ["cell"]
    frozen = {s.path for s in model.storages if not s.trainable}
    assert frozen == {s.path for s in model.storages if s.path.startswith("blocks[2]")}


def test_without_a_policy_all_is_f32(formats: Formats) -> None:
    assert formats(MODEL) == {}


def test_one_weight_by_its_name(formats: Formats) -> None:
    rules = "default { weights = f32 } cell.weight_hh { weights = int8 }"
    assert formats(with_policy(rules)) == {"cell.weight_hh": "int8"}


# ---- bases and appends ---------------------------------------------------------------------------


def test_rules_of_a_base_come_first(formats: Formats) -> None:
    base = "policy base { default { weights = int8 } blocks[*].up { weights = int4 } }"
    own = "policy own for Net extends base { blocks[0].** { weights = int2 } }"
    found = formats(f"{MODEL}\n{own}\n{base}\nvariant v {{ model = Net  policy = own }}")
    assert found["blocks[0].up.weight"] == "int2"
    assert found["blocks[1].up.weight"] == "int4"
    assert found["blocks[1].down.weight"] == "int8"


def test_appended_rules_come_last(formats: Formats) -> None:
    # wherever in the variant they stand
    text = with_policy(
        "default { weights = int8 }", more="policy += { blocks[0].up { weights = int4 } }"
    )
    assert formats(text)["blocks[0].up.weight"] == "int4"
    turned = (
        text.replace("policy = p", "")
        .replace("model = Net", "")
        .replace("int4 } }", "int4 } } policy = p  model = Net")
    )
    assert turned != text
    assert formats(turned) == formats(text)


def test_a_default_of_an_extension_wins_over_that_of_its_base(formats: Formats) -> None:
    base = "policy base { default { weights = int8 } }"
    own = "policy own extends base { default { weights = int4 } }"
    found = formats(f"{MODEL}\n{base}\n{own}\nvariant v {{ model = Net  policy = own }}")
    assert set(found.values()) == {"int4"}


# ---- nothing is silent ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "rule", "expected"),
    [
        ("p for Net", "blocks[7].up { weights = int4 }", ["Q304"]),
        ("p for Net", "**:Embedding { weights = int4 }", ["Q304"]),
        ("p for Net", "optional **:Embedding { weights = int4 }", []),
        ("p for Net", "optional blocks[7].up { weights = int4 }", []),
        ("p", "**:Embedding { weights = int4 }", []),
        ("p", "gate.**:Linear { weights = int4 }", []),
        ("p", "gate.** { weights = int4 }", ["Q304"]),
        ("p", "blocks[7].up { weights = int4 }", ["Q304"]),
        ("p", "**:Embeding { weights = int4 }", ["Q318"]),
        ("p for Net", "blocks[0] { weights = int4 }", ["Q305"]),
        ("p for Net", "blocks[*].norm { activations = int8(dynamic) }", ["Q305"]),
    ],
)
def test_rules_without_a_match(codes: Codes, header: str, rule: str, expected: list[str]) -> None:
    assert codes(with_policy(f"default {{ weights = f32 }} {rule}", header=header)) == expected


def test_a_weight_without_a_rule(codes: Codes) -> None:
    assert codes(with_policy("blocks[*].** { weights = int8 }")) == ["Q310"]
    # what a broken rule would have claimed is not told again
    assert codes(with_policy("blocks[*].** { weights = int8 } cel { weights = int8 }")) == ["Q304"]
    assert codes(with_policy("blocks[*].** { weights = int8 } cell { weigths = int8 }")) == ["Q303"]


def test_an_append_is_for_the_model_of_its_variant(codes: Codes) -> None:
    more = "policy += { **:Embedding { weights = int4 } }"
    assert codes(with_policy("default { weights = f32 }", header="p", more=more)) == ["Q304"]


def test_a_wrong_format_is_told_once(codes: Codes) -> None:
    assert codes(with_policy("default { weights = int4(group = 3) }")) == ["Q307"]
    assert codes(with_policy("default { weights = int4(size = 3) }")) == ["Q301"]
    assert codes(with_policy("default { weights = 4 }")) == ["Q201"]


def test_unused_policies_are_read_too(codes: Codes) -> None:
    assert codes(f"{MODEL}\npolicy p for Nett {{ default {{ weights = f32 }} }}") == ["Q101"]
    assert codes(f"{MODEL}\npolicy p {{ default {{ weights = in4 }} }}") == ["Q101"]
    assert codes(f"{MODEL}\npolicy p {{ default {{ wights = int4 }} }}") == ["Q303"]


# ---- shadows -------------------------------------------------------------------------------------


def test_shadowed_rules(compiled: Callable[..., Compiled]) -> None:
    shadowed = "blocks[0].up { weights = int4 } blocks[*].** { weights = int8 }"
    (finding,) = compiled(with_policy(f"default {{ weights = f32 }} {shadowed}")).diagnostics
    assert (finding.code, finding.is_error) == ("Q306", False)
    assert finding.message == "rule `blocks[0].up` is shadowed"


@pytest.mark.parametrize(
    "rules",
    [
        "blocks[*].** { weights = int8 } blocks[0].up { weights = int4 }",
        "blocks[0].up { weights = int8; bias = f16 } blocks[*].** { weights = int4 }",
        "blocks[0..2].up { weights = int8 } blocks[1..3].up { weights = int4 }",
    ],
)
def test_rules_that_are_not_shadowed(codes: Codes, rules: str) -> None:
    assert codes(with_policy(f"default {{ weights = f32 }} {rules}")) == []


def test_rules_of_a_base_are_meant_to_be_overridden(codes: Codes) -> None:
    base = "policy base { default { weights = f32 } blocks[*].up { weights = int4 } }"
    own = "policy own for Net extends base { blocks[*].** { weights = int8 } }"
    assert codes(f"{MODEL}\n{base}\n{own}\nvariant v {{ model = Net  policy = own }}") == []


def test_a_rule_that_one_variant_needs_is_not_shadowed(codes: Codes) -> None:
    rules = (
        "default { weights = f32 } blocks[*].** { weights = int4 } "
        "blocks[0, -1].** { weights = int8 }"
    )
    small = "variant small extends v { model.layers = 2 }"
    assert codes(with_policy(rules) + small) == []
    assert codes(with_policy(rules).replace("model = Net ", "model = Net(layers = 2) ")) == ["Q306"]


@pytest.mark.parametrize(
    ("rule", "fixed"),
    [
        ("maps.weight", "maps[*].weight"),
        ("mapz[0]", "maps[*]"),
        ("maps[0].waight", "maps[0].weight"),
    ],
)
def test_a_selector_that_was_meant_is_an_edit(
    compiled: Callable[..., Compiled], rule: str, fixed: str
) -> None:
    found = compiled(f"""
        model Net {{
            maps = repeat 2 {{ Linear(8 -> 8) }}
            entry run(x: f32[8]) {{ return maps(x) }}
        }}
        policy p for Net {{ default {{ weights = int8 }} {rule} {{ weights = int4 }} }}
        variant v {{ model = Net  policy = p }}
    """)
    (diagnostic,) = found.diagnostics
    assert diagnostic.fix is not None
    assert diagnostic.fix.text == fixed
    assert diagnostic.fix.span.text == rule
