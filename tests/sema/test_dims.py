"""Holds dims of signatures to their rules: bound by name, new ones named once, `len` of them."""

from collections.abc import Callable

import pytest

from qdsl.ir import op
from qdsl.ir.flat import Graph
from qdsl.ir.model import Entry
from qdsl.ir.shape import Dim, dim
from qdsl.sema.compile import Variant

SUBSAMPLE = """
block Subsample(d: int) {
    conv = Conv1d(d -> d, 3, stride = 2, padding = "half")

    forward(x: f32[B, T, d], lengths: i64[B]) -> f32[B, S, d], i64[B] {
        y = conv(x)
        n = len(S, lengths)
        return y, n
    }
}
"""
HALF = (dim("T") + 1) // 2
Graphs = Callable[..., Graph]
Codes = Callable[..., list[str]]


def lengths(graph: Graph) -> list[Dim]:
    """Formulas that are applied to data, over one variable `T`."""
    found = [n.node.op for n in graph.nodes if isinstance(n.node.op, op.Length)]
    return [o.formula.substitute({o.variable: dim("T")}) for o in found]


@pytest.fixture
def entry(variant: Callable[..., Variant]) -> Callable[[str], Entry]:
    """The first entry of a model with `members` and functions."""

    def of(text: str) -> Entry:
        return variant(text).model.entries[0]

    return of


def test_dims_are_bound_by_name(entry: Callable[[str], Entry]) -> None:
    found = entry("""
        block Head(d: int) {
            map = Linear(d -> 2 * d)
            forward(x: f32[A, C, d]) -> f32[A, C, 2 * d] { return map(x) }
        }
        model Net(d: int = 8) {
            head = Head(d)
            entry run(x: f32[B, T, d]) { return head(cat(x, x, axis = 1)) }
        }
    """)
    assert [str(t) for t in found.results] == ["f32[B, 2·T, 16]"]


def test_results_may_name_new_dims(entry: Callable[[str], Entry]) -> None:
    found = entry(
        SUBSAMPLE
        + """
        model Net(d: int = 8) {
            first = Subsample(d)
            entry run(x: f32[B, T, d], n: i64[B]) -> f32[B, Out, d], i64[B] { return first(x, n) }
        }
    """.replace("return first(x, n)", "y, m = first(x, n)  return y, m")
    )
    assert found.results[0].shape == (dim("B"), HALF, dim(8))


@pytest.mark.parametrize(
    ("x", "n"),
    [("f32[B, T, d]", "i64[B]"), ("f32[B, U, d]", "i64[B]"), ("f32[B, 1000, d]", "i64[B]")],
)
def test_len_is_the_formula_of_the_function(graph: Graphs, x: str, n: str) -> None:
    text = f"model Net(d: int = 8) {{ s = Subsample(d) entry run(x: {x}, n: {n}) "
    made = graph(SUBSAMPLE + text + "{ y, m = s(x, n)  return m } }")
    assert lengths(made) == [HALF]


def test_len_of_what_was_computed_before(graph: Graphs) -> None:
    # the second T is a formula over the first
    made = graph(
        SUBSAMPLE
        + """
        model Net(d: int = 8) {
            first = Subsample(d)
            second = Subsample(d)
            entry run(x: f32[B, T, d], n: i64[B]) {
                y, n = first(x, n)
                y, n = second(y, n)
                return y, n
            }
        }
    """
    )
    assert lengths(made) == [HALF, HALF]
    assert made.results[0].shape[1] == (dim("T") + 3) // 4


def test_len_through_nested_blocks(graph: Graphs) -> None:
    made = graph(
        SUBSAMPLE
        + """
        block Front(d: int) {
            first = Subsample(d)
            second = Subsample(d)
            forward(audio: f32[B, T, d], lengths: i64[B]) -> f32[B, S, d], i64[B] {
                y, _ = first(audio, lengths)
                z, _ = second(y, lengths)
                return z, len(S, lengths)
            }
        }
        model Net(d: int = 8) {
            front = Front(d)
            entry run(x: f32[B, T, d], n: i64[B]) { y, n = front(cat(x, x, axis = 1), n)  return n }
        }
    """
    )
    assert lengths(made)[-1] == (dim("T") + 3) // 4


def test_len_with_and_without_an_optional_input(graph: Graphs) -> None:
    text = """
        block Cut(d: int) {
            forward(x: f32[B, T, d], by: f32[B, K, d] = none) -> f32[B, S, d], i64[B] {
                y = if by is none { max_pool(x, 2) } else { max_pool(x, 3) }
                return y, len(S, range(B))
            }
        }
        model Net(d: int = 8) {
            cut = Cut(d)
            entry plain(x: f32[B, U, d]) { y, n = cut(x)  return n }
            entry other(x: f32[B, U, d]) { y, n = cut(x, x)  return n }
        }
    """
    assert lengths(graph(text, "plain")) == [dim("T") // 2]
    assert lengths(graph(text, "other")) == [dim("T") // 3]


def test_a_new_dim_is_of_what_was_computed(graph: Graphs) -> None:
    # the input fits the type of the result as well
    made = graph("""
        model Net(d: int = 8) {
            entry run(x: f32[B, T, d], n: i64[B]) -> f32[B, S, d], i64[B] {
                y = max_pool(x, 2)
                z = max_pool(y, 2)
                return z, len(S, n)
            }
        }
    """)
    assert lengths(made) == [dim("T") // 4]


def test_range_of_a_new_dim(graph: Graphs) -> None:
    made = graph("""
        model Net(d: int = 8) {
            entry run(x: f32[B, T, d]) -> f32[B, S, d] {
                y = max_pool(x, 2)
                return where(range(S)[:, none] < 3, y, 0.0)
            }
        }
    """)
    assert op.Range(dim("T") // 2) in [n.node.op for n in made.nodes]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("run(x: f32[B, T, d]) -> f32[B, T, d] { return max_pool(x, 2) }", ["Q210"]),
        ("run(x: f32[B, T, d]) -> f32[B, S, S] { return x }", ["Q210"]),
        ("run(x: f32[B, T, d]) -> i64[B, T, d] { return x }", ["Q210"]),
        ("run(x: f32[B, T, d]) -> [f32[B, T, d]; 2] { return x }", ["Q210"]),
        ("run(x: f32[B, T, d]) -> [f32[B, T, d]; 2] { return [x] }", ["Q210"]),
        ("run(x: f32[B, T, d]) -> [f32[B, T, d]; 2] { return [x, x] }", []),
        ("run(x: f32[B, T, d]) -> f32[B, T, d], f32[B] { return x }", ["Q211"]),
        ("run(x: f32[B, T, t]) { return x }", ["Q101"]),
        ("run(x: f32[B, 2 * T, d]) { return reshape(x, B, T, 2 * d) }", ["Q101"]),
        ("run(x: f32[B, T, 0.5]) { return x }", ["Q201"]),
        ("run(x: f32[B, S], n: i64[B]) -> i64[B, S + 1] { return n }", ["Q210"]),
        ("run(x: f32[B, T]) -> f32[S + 1, S] { return x }", ["Q109"]),
        ("run(x: f32[B, T, d], n: i64[B]) -> i64[S] { return len(S, n) }", ["Q109"]),
    ],
)
def test_wrong_signatures(codes: Codes, function: str, expected: list[str]) -> None:
    assert codes(f"model Net(d: int = 8) {{ entry {function} }}") == expected


def test_a_function_without_a_formula(codes: Codes) -> None:
    found = codes("""
        block Odd(d: int) {
            forward(x: f32[B, T, d], n: i64[B]) -> f32[B, S, 4], i64[B] {
                y = reshape(x, B, 6, 4)
                return y, len(S, n)
            }
        }
        model Net {
            odd = Odd(8)
            entry run(x: f32[B, 3, 8], n: i64[B]) { y, n = odd(x, n)  return n }
        }
    """)
    assert found == ["Q215"]
