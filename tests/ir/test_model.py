"""Holds paths, modules and unrolled graphs of models to what they say."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qdsl.ir.builder import Builder
from qdsl.ir.flat import flatten
from qdsl.ir.model import Entry, EntryInput, Module, TensorType, join, path_of_key, state_key
from qdsl.ir.op import Binary, Unary
from qdsl.ir.shape import shape

X = TensorType("f32", shape("B", 4))

names = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True)
segments = st.builds(
    lambda name, i: name if i is None else f"{name}[{i}]", names, st.none() | st.integers(0, 120)
)
paths = st.lists(segments, min_size=1, max_size=5).map(".".join)


@given(paths)
def test_keys_are_paths(path: str) -> None:
    assert path_of_key(state_key(path)) == path


@given(paths, paths)
def test_keys_are_different_where_paths_are(one: str, other: str) -> None:
    assert (state_key(one) == state_key(other)) == (one == other)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("encoder.blocks[3].ff1.up.weight", "encoder.blocks.3.ff1.up.weight"),
        ("blocks[10]", "blocks.10"),
        ("weight", "weight"),
    ],
)
def test_keys(path: str, key: str) -> None:
    assert state_key(path) == key


def test_join() -> None:
    assert join("a", "b") == "a.b"
    assert join("", "b") == "b"
    assert join("a", "") == "a"


def module(kind: str, **members: Module | tuple[Module, ...]) -> Module:
    return Module(kind, not members, (), members)


def test_walk_goes_from_outside_in() -> None:
    leaf = module("Leaf")
    inner = module("Inner", a=leaf, b=(leaf, leaf))
    outer = module("Outer", first=inner, rest=(inner,))
    assert [path for path, _ in outer.walk()] == [
        "",
        "first",
        "first.a",
        "first.b[0]",
        "first.b[1]",
        "rest[0]",
        "rest[0].a",
        "rest[0].b[0]",
        "rest[0].b[1]",
    ]
    assert [m.kind for _, m in outer.walk("net")][:2] == ["Outer", "Inner"]
    assert next(outer.walk("net"))[0] == "net"


@pytest.fixture
def entry() -> Callable[[int], Entry]:
    """An entry that calls `m` so many times, whose function is y = relu(x) + x."""

    def build(calls: int) -> Entry:
        inner = Builder("forward", {})
        x = inner.input(X)
        body = inner.finish([inner.emit(Binary("add"), inner.emit(Unary("relu"), x), x)])
        outer = Builder("run", {})
        value = outer.input(X)
        for _ in range(calls):
            (value,) = outer.invoke("m", body, [value], [X])
        return Entry("run", (EntryInput("x", X),), (X,), outer.finish([value]))

    return build


def test_calls_are_unrolled(entry: Callable[[int], Entry]) -> None:
    made = entry(2)
    assert made.body.size == 4
    graph = flatten(made)
    assert [n.path for n in graph.nodes] == ["m"] * 4
    assert [(n.node.inputs, n.node.outputs) for n in graph.nodes] == [
        ((0,), (1,)),
        ((1, 0), (2,)),
        ((2,), (3,)),
        ((3, 2), (4,)),
    ]
    assert graph.outputs == (4,)


def test_an_entry_may_return_its_input(entry: Callable[[int], Entry]) -> None:
    graph = flatten(entry(0))
    assert graph.nodes == ()
    assert graph.outputs == (0,)
