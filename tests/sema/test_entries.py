"""Holds entries to their rules: which functions they are, and what goes in and out."""

from collections.abc import Callable

import pytest

from qdsl.ir.model import Entry, EntryInput
from qdsl.sema.compile import Variant

Codes = Callable[..., list[str]]


@pytest.fixture
def entries(variant: Callable[..., Variant]) -> Callable[[str], dict[str, Entry]]:
    """Entries of `model Net(d = 8)` with an LSTM `cell` and the functions given, by name."""

    def of(functions: str) -> dict[str, Entry]:
        text = f"model Net(d: int = 8) {{ cell = LSTM(d, d) {functions} }}"
        return {e.name: e for e in variant(text).model.entries}

    return of


def test_entries_and_forward(entries: Callable[[str], dict[str, Entry]]) -> None:
    found = entries("""
        fn inner(x: f32[B, T, d]) { return cell(x) }
        forward(x: f32[B, T, d]) { return inner(x) }
        entry last(x: f32[B, T, d]) { return forward(x)[:, -1] }
    """)
    assert list(found) == ["forward", "last"]
    assert [str(t) for t in found["last"].results] == ["f32[B, 8]"]


def test_state_starts_with_zeros(entries: Callable[[str], dict[str, Entry]]) -> None:
    step = entries("""
        entry step(x: f32[B, 1, d], h: f32[B, d] = zeros, c: f32[B, d] = zeros) {
            y, h, c = cell.step(x, h, c)
            return y, h, c
        }
    """)["step"]
    assert [(i.name, i.zeros) for i in step.inputs] == [("x", False), ("h", True), ("c", True)]
    assert [str(t) for t in step.results] == ["f32[B, 1, 8]", "f32[B, 8]", "f32[B, 8]"]


def test_arrays_are_one_input_per_element(entries: Callable[[str], dict[str, Entry]]) -> None:
    run = entries("""
        entry run(x: f32[B], caches: [[f32[B, d]; 2]; 2] = zeros, n: i64[]) {
            return caches[1][0], x
        }
    """)["run"]
    assert [i.name for i in run.inputs] == [
        "x",
        *(f"caches[{i}][{j}]" for i in range(2) for j in range(2)),
        "n",
    ]
    assert [i.zeros for i in run.inputs] == [False, True, True, True, True, False]
    assert run.body.outputs == (3, 0)


def test_inputs_and_results_of_an_entry(entries: Callable[[str], dict[str, Entry]]) -> None:
    run = entries("entry run(ids: i64[B, 4], keep: bool[B]) { return keep, ids }")["run"]
    assert [i.type.dtype for i in run.inputs] == ["i64", "bool"]
    assert run.inputs[0] == EntryInput("ids", run.results[1])


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("entry run(x: f32[B] = none) { return x }", ["Q216"]),
        ("entry run(x: f32[B] = ones) { return x }", ["Q216"]),
        ("entry run(x: f32[B], x: f32[B]) { return x }", ["Q103"]),
        ("entry run(cell: f32[B]) { return cell }", ["Q103"]),
        ("entry run(X: f32[B]) { return X }", ["Q108"]),
        ("entry run(x: f32[B]) { return x } entry run(x: f32[B]) { return x }", ["Q103"]),
        ("entry d(x: f32[B]) { return x }", ["Q103"]),
        ("entry run(x: [f32[B]; 0 - 1]) { return x }", ["Q208"]),
        ("entry run(x: f32[B, d // 0]) { return x }", ["Q203"]),
        ("entry run(x: f64[B]) { return x }", ["Q201"]),
    ],
)
def test_wrong_entries(codes: Codes, function: str, expected: list[str]) -> None:
    assert codes(f"model Net(d: int = 8) {{ cell = LSTM(d, d) {function} }}") == expected


def test_one_wrong_entry_leaves_the_others(codes: Codes) -> None:
    found = codes("""
        model Net(d: int = 8) {
            map = Linear(d -> d)
            entry a(x: f32[B, 7]) { return map(x) }
            entry b(x: f32[B, d]) { return map(x) }
            entry c(x: f32[B, d]) { return map(x, x) }
        }
    """)
    assert found == ["Q210", "Q205"]


def test_members_that_no_entry_reaches(codes: Codes) -> None:
    assert codes("model Net(d: int = 8) { map = Linear(d -> d) }") == []


def test_entries_of_all_variants_count_together(codes: Codes) -> None:
    block = """
        block Many(d: int) {
            fn f(x: f32[B, d]) { for i in 0..100 { x = x + 1.0 } return x }
            forward(x: f32[B, d]) -> f32[B, d] { for i in 0..100 { x = f(x) } return x }
        }
    """
    model = "model Net(d: int = 8) { m = Many(d) entry run(x: f32[B, d]) { return m(x) } }"
    variants = [f"variant v{i} {{ model = Net(d = {i + 1}) }}" for i in range(5)]
    assert codes("\n".join((block, model, *variants[:2]))) == []
    assert codes("\n".join((block, model, *variants))) == ["Q208"]
