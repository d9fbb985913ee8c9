"""Holds variants to what they take from others, and what they override."""

from collections.abc import Callable

import pytest

from qdsl.sema.compile import Compiled, Variant

MODEL = """
model Net(d: int = 8, layers: int = 2, scale: float = 1.0) {
    maps = repeat layers { Linear(d -> d) }
    entry run(x: f32[B, d]) { return maps(x) * scale }
}
budget loose { size(*) <= 1 MiB }
budget tight { size(*) <= 1 KiB }
policy small { default { weights = int8 } }
"""
Codes = Callable[..., list[str]]


@pytest.fixture
def shapes(compiled: Callable[..., Compiled]) -> Callable[[str], dict[str, tuple[int, int]]]:
    """Layers and width of each variant."""

    def of(text: str) -> dict[str, tuple[int, int]]:
        found = compiled(MODEL + text)
        assert found.ok, found.diagnostics
        return {
            name: (len(v.model.storages) // 2, v.model.storages[0].parameter.shape[0])
            for name, v in found.variants.items()
        }

    return of


Shapes = Callable[[str], dict[str, tuple[int, int]]]


def test_overrides_reach_the_arguments(shapes: Shapes) -> None:
    assert shapes("""
        variant a { model = Net }
        variant b { model = Net(16, layers = 3) }
        variant c { model = Net(16)  model.layers = 5  model.d = 4 }
        variant d extends c { model.layers = 1 }
        variant e extends d { model = Net }
    """) == {"a": (2, 8), "b": (3, 16), "c": (5, 4), "d": (1, 4), "e": (2, 8)}


def test_bases_may_stand_below(shapes: Shapes) -> None:
    assert shapes("""
        variant a extends b { model.d = 4 }
        variant b extends c { model.layers = 3 }
        variant c { model = Net }
    """) == {"a": (3, 4), "b": (3, 8), "c": (2, 8)}


def test_an_override_replaces_a_positional_argument(shapes: Shapes) -> None:
    assert shapes("variant a { model = Net(16, 4)  model.d = 32 }") == {"a": (4, 32)}


def test_budgets_are_replaced_and_extended(compiled: Callable[..., Compiled]) -> None:
    found = compiled(
        MODEL
        + """
        variant a { model = Net  budget = loose  budget += { params(*) <= 1 M } }
        variant b extends a { budget += { bits(*) <= 33 } }
        variant c extends a { budget = tight }
    """
    )
    limits = {n: [x.measure.text for x in v.limits] for n, v in found.variants.items()}
    assert limits == {"a": ["size", "params"], "b": ["size", "params", "bits"], "c": ["size"]}


def test_without_variants_each_model_is_one(compiled: Callable[..., Compiled]) -> None:
    found = compiled(MODEL + "model Other { map = Linear(2 -> 3) }")
    assert list(found.variants) == ["Net", "Other"]


def test_variants_may_be_called_as_formats_are(variant: Callable[..., Variant]) -> None:
    text = MODEL + "policy int4 { default { weights = int8 } } "
    found = variant(text + "variant int8 { model = Net  policy = int4 }")
    assert {str(s.format) for s in found.model.storages} == {"int8", "f32"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("variant a { }", ["Q312"]),
        ("variant a { model = Net  model = Net }", ["Q205"]),
        ("variant a { model = Net  model.d = 1  model.d = 2 }", ["Q205"]),
        ("variant a { model = Net  model.layer = 1 }", ["Q204"]),
        ("variant a { model = Net  model.maps.d = 1 }", ["Q314"]),
        ("variant a { model = Net  recipe = x }", ["Q101"]),
        ("variant a { model = Net  model.d = 0.5 }", ["Q201"]),
        ("variant a { model = Linear }", ["Q201"]),
        ("variant a { model = 3 }", ["Q201"]),
        ("variant a { model = Nett }", ["Q101"]),
        ("variant a { model = Net  policy = tight }", ["Q201"]),
        ("variant a { model = Net  budget = small }", ["Q201"]),
        ("variant a { model = Net  policy = small() }", ["Q201"]),
        ("variant a extends b { model = Net }", ["Q101"]),
        ("variant a extends Net { }", ["Q201"]),
        ("variant a extends a { model = Net }", ["Q313"]),
        ("variant a extends b { model = Net } variant b extends a { model = Net }", ["Q313"]),
        ("variant a { model = Net } variant a { model = Net }", ["Q103"]),
    ],
)
def test_wrong_variants(codes: Codes, text: str, expected: list[str]) -> None:
    assert codes(MODEL + text) == expected


def test_one_wrong_variant_leaves_the_others(compiled: Callable[..., Compiled]) -> None:
    found = compiled(MODEL + "variant a { model = Net } variant b { } variant c extends b { }")
    assert list(found.variants) == ["a"]
    # what `c` lacks is what `b` lacks
    assert [(d.code, d.message) for d in found.diagnostics] == [
        ("Q312", "variant `b` has no model")
    ]
