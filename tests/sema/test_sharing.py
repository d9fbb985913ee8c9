"""Shows that equal parts are made once, so that work follows what is distinct."""

from collections.abc import Callable

from qdsl.ir.model import Invoke, Module
from qdsl.sema.compile import Compiled, Variant

LAYER = """
block Layer(d: int, out: int) {
    up = Linear(d -> out)
    forward(x: f32[B, T, d]) -> f32[B, T, out] { return up(x) }
}
"""


def bodies(found: Variant, entry: int = 0) -> list[Invoke]:
    return [s for s in found.model.entries[entry].body.steps if isinstance(s, Invoke)]


def test_elements_of_a_repeat_share_module_and_body(variant: Callable[..., Variant]) -> None:
    found = variant(
        LAYER
        + """
        model Net(d: int = 8) {
            layers = repeat 100 { Layer(d, d) }
            entry run(x: f32[B, T, d]) { return layers(x) }
        }
    """
    )
    elements = found.model.root.members["layers"]
    assert not isinstance(elements, Module)
    assert len({id(m) for m in elements}) == 1
    calls = bodies(found)
    assert len(calls) == 100
    assert len({id(c.body) for c in calls}) == 1


def test_equal_blocks_with_equal_inputs_share_a_body(variant: Callable[..., Variant]) -> None:
    found = variant(
        LAYER
        + """
        model Net(d: int = 8) {
            a = Layer(d, d)
            b = Layer(8, out = d)
            c = Layer(d, 4)
            entry run(x: f32[B, T, d]) { return x |> a |> b |> a |> c }
            entry other(x: f32[B, U, d]) { return a(x) }
            entry again(x: f32[B, T, d]) { return b(x) }
        }
    """
    )
    a, b, again, c = (call.body for call in bodies(found))
    assert a is b is again
    assert c is not a
    members = found.model.root.members
    assert members["a"] is members["b"]
    assert members["a"] is not members["c"]
    # a body is made for the types of its inputs
    assert bodies(found, 1)[0].body is not a
    assert bodies(found, 2)[0].body is a


def test_variants_of_one_model_share_it(compiled: Callable[..., Compiled]) -> None:
    found = compiled(
        LAYER
        + """
        model Net(d: int = 8, layers: int = 2) {
            layers_ = repeat layers { Layer(d, d) }
            entry run(x: f32[B, T, d]) { return layers_(x) }
        }
        variant a { model = Net }
        variant b { model = Net(8)  model.layers = 2 }
        variant c { model = Net(layers = 3) }
    """
    ).variants
    assert found["a"].model.root is found["b"].model.root
    assert found["a"].model.entries is found["b"].model.entries
    assert found["a"].model.root is not found["c"].model.root


def test_a_block_that_is_wrong_is_wrong_once(codes: Callable[..., list[str]]) -> None:
    found = codes("""
        block Layer(d: int) {
            up = Linear(2 * d -> d)
            forward(x: f32[B, T, d]) -> f32[B, T, d] { return up(x) }
        }
        model Net(d: int = 8) {
            a = repeat 12 { Layer(d) }
            b = Layer(d)
            c = Layer(2 * d)
            entry run(x: f32[B, T, d]) { return x |> a |> b }
            entry wide(x: f32[B, T, 2 * d]) { return c(x) }
        }
    """)
    assert found == ["Q210"]


def test_equal_layers_are_made_where_they_are_written(variant: Callable[..., Variant]) -> None:
    model = variant("""
        block Two(d: int) {
            a = Linear(d -> d)
            b = repeat 2 { Linear(d -> d) }
            forward(x: f32[B, d]) -> f32[B, d] { return a(x) |> b }
        }
        model Net {
            one = Two(8)
            other = Two(8)
            entry run(x: f32[B, 8]) { return one(x) |> other }
        }
    """).model
    found = {s.path: s.place.location.line for s in model.storages}
    assert found["one.a.weight"] == found["other.a.bias"] == 4
    assert found["one.b[0].weight"] == found["other.b[1].bias"] == 5
    assert model.root.place("other").text == "Two(8)"
    assert model.root.place("one.b[1]").location.line == 5
