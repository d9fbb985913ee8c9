"""Generates syntax trees as the grammar allows them, for the laws of parser and printer."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st

from qdsl.source import no_span
from qdsl.syntax import tree

SPAN = no_span()
SOFT = ("block", "const", "default", "entry", "format", "forward", "model", "over", "tie", "x", "B")
PLAIN = ("a", "b2", "_", "d", "Linear", "f32", "int4", "norm_1", "stages")

plain_names = st.sampled_from(PLAIN).map(lambda text: tree.Name(text, SPAN))
names = st.sampled_from(PLAIN + SOFT).map(lambda text: tree.Name(text, SPAN))
optional_names = st.none() | names
integers = st.integers(0, 10**18 - 1).map(lambda i: tree.Integer(i, str(i), SPAN))
floats = st.sampled_from(["0.5", "1e-3", "2.50", "1_0.0E+2"]).map(
    lambda text: tree.Float(float(text.replace("_", "")), text, SPAN)
)
strings = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="".join(map(chr, range(32))))
    | st.just("\n"),
    max_size=6,
).map(lambda text: tree.String(text, SPAN))
literals = st.one_of(
    integers,
    floats,
    strings,
    st.booleans().map(lambda b: tree.Boolean(b, SPAN)),
    st.just(tree.NoneLiteral(SPAN)),
    names,
)


def tuples(of: st.SearchStrategy[Any], least: int = 0, most: int = 3) -> st.SearchStrategy[Any]:
    return st.lists(of, min_size=least, max_size=most).map(tuple)


def sparse(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values where a format may stand: some of them with `sparse`."""
    kinds = st.sampled_from(
        [tree.Ratio(2, 4, SPAN), tree.Ratio(1, 16, SPAN), tree.Share("90", SPAN)]
    )
    return values | st.builds(tree.Sparse, values, kinds, st.just(SPAN))


def compound(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Expressions one level above `inner`."""
    signs = st.sampled_from("+ - * / // % == != < <= > >= and or".split())
    whole = st.builds(tree.Whole, st.just(SPAN))
    slices = st.builds(tree.Slice, st.none() | inner, st.none() | inner, st.just(SPAN))
    span = st.just(SPAN)
    return st.one_of(
        st.builds(tree.Binary, signs, inner, inner, span),
        st.builds(tree.Unary, st.sampled_from(["-", "not"]), inner, span),
        st.builds(tree.IsNone, inner, st.booleans(), span),
        st.builds(tree.Pipe, inner, inner, span),
        st.builds(tree.Attribute, inner, names, span),
        st.builds(tree.Call, inner, tuples(arguments(inner)), span),
        st.builds(tree.Subscript, inner, tuples(inner | slices | whole, 1), span),
        st.builds(tree.Array, tuples(sparse(inner)), span),
        st.builds(tree.If, inner, branches(inner), branches(inner), span),
    )


def arguments(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    arrows = st.builds(tree.Arrow, inner, inner, st.just(SPAN))
    plain, span = st.just(False), st.just(SPAN)
    return st.one_of(
        st.builds(tree.Argument, optional_names, sparse(inner), plain, span),
        st.builds(tree.Argument, st.none(), arrows, plain, span),
        st.builds(tree.Argument, optional_names, inner, st.just(True), span),
    )


def branches(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    repeats = st.builds(tree.Repeat, inner, optional_names, inner, st.just(SPAN))
    return st.builds(
        tree.Branch, tuples(statements(inner), most=2), tuples(inner, 1, 2), st.just(SPAN)
    ) | repeats.map(lambda repeat: tree.Branch((), (repeat,), SPAN))


def statements(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    span = st.just(SPAN)
    assigns = st.builds(tree.Assign, tuples(names, 1), inner, span)
    returns = st.builds(tree.Return, tuples(inner, 1, 2), span)
    ranges = st.builds(tree.Slice, inner, inner, span)
    simple = assigns | returns
    loops = st.builds(tree.For, names, ranges, tuples(simple), span)
    return simple | loops


expressions = st.recursive(literals, compound, max_leaves=12)
values = sparse(expressions)

dims = tuples(expressions)
tensor_types = st.builds(tree.TensorType, plain_names, dims, st.just(SPAN))
types = tensor_types | st.builds(tree.ArrayType, tensor_types, expressions, st.just(SPAN))


def _members() -> st.SearchStrategy[Any]:
    span, doc = st.just(SPAN), st.just("")
    repeats = st.recursive(
        expressions, lambda body: st.builds(tree.Repeat, expressions, optional_names, body, span)
    )
    inputs = tuples(st.builds(tree.Input, names, types, st.none() | expressions, span))
    results = st.none() | tuples(types, 1)
    bodies = tuples(statements(expressions))
    forward = st.just(tree.Name("forward", SPAN))
    paths = st.builds(tree.Attribute, plain_names, names, span)
    return st.one_of(
        st.builds(tree.Member, plain_names, repeats, doc, span),
        st.builds(tree.Const, names, values, doc, span),
        st.builds(tree.ParameterMember, names, tensor_types, expressions, doc, span),
        st.builds(tree.Tie, paths, paths, span),
        st.builds(
            tree.Function,
            st.sampled_from(["fn", "entry"]),
            names,
            inputs,
            results,
            bodies,
            doc,
            span,
        ),
        st.builds(tree.Function, st.just("forward"), forward, inputs, results, bodies, doc, span),
    )


globs = st.sampled_from(["*", "ff*", "*_proj", "a*b*2", "default", "optional", "blocks", "x"])


def index_range(start: int | None, stop: int | None, single: bool) -> tree.IndexRange:
    if single:
        start = start or 0
        return tree.IndexRange(start, start + 1 or None, True, SPAN)
    return tree.IndexRange(start, stop, False, SPAN)


def _selectors() -> st.SearchStrategy[Any]:
    span, ends = st.just(SPAN), st.none() | st.integers(-9, 99)
    indices = tuples(st.builds(index_range, ends, ends, st.booleans()))
    segments = st.builds(tree.Segment, tuples(globs, 1), st.none() | indices, span) | st.just(
        tree.Segment(("**",), None, SPAN)
    )
    return st.builds(tree.Selector, tuples(segments, 1), optional_names, span)


def _rules() -> st.SearchStrategy[Any]:
    span = st.just(SPAN)
    properties = tuples(st.builds(tree.Property, plain_names, values, span))
    return st.builds(tree.Rule, selectors, st.booleans(), properties, span) | st.builds(
        tree.Rule, st.none(), st.just(False), properties, span
    )


def _limits() -> st.SearchStrategy[Any]:
    span = st.just(SPAN)
    quantities = st.builds(
        lambda text, unit: tree.Quantity(float(text), unit, text, SPAN),
        st.sampled_from(["12", "4.5", "1e3"]),
        st.sampled_from([None, "MiB", "x", "%", "G"]),
    )
    bindings = st.builds(tree.Argument, names, expressions, st.just(False), span)
    return st.builds(
        tree.Limit,
        st.sampled_from(["size", "ratio", "macs"]).map(lambda text: tree.Name(text, SPAN)),
        selectors,
        tuples(bindings),
        st.sampled_from(["<=", ">=", "<", ">"]),
        quantities,
        optional_names,
        span,
    )


selectors = _selectors()
rules, limits, members = tuples(_rules()), tuples(_limits()), tuples(_members())


def _items() -> st.SearchStrategy[Any]:
    span, doc = st.just(SPAN), st.just("")
    parameters = st.builds(tree.Parameter, names, names, st.booleans(), st.none() | values, span)
    settings = st.one_of(
        st.builds(tree.Setting, tuples(names.filter(lambda n: n.text != "x"), 1), values, span),
        st.builds(tree.PolicyAppend, rules, span),
        st.builds(tree.BudgetAppend, limits, span),
    )
    where = tuples(expressions, most=2)
    return st.one_of(
        st.builds(tree.Import, tuples(names, 1), st.integers(0, 4), tuples(names, 1), span),
        st.builds(tree.Const, names, values, doc, span),
        st.builds(tree.Format, names, values, doc, span),
        st.builds(tree.Block, names, st.booleans(), tuples(parameters), where, members, doc, span),
        st.builds(tree.Policy, names, optional_names, optional_names, rules, doc, span),
        st.builds(tree.Budget, names, limits, doc, span),
        st.builds(tree.Variant, names, optional_names, tuples(settings), doc, span),
    )


FILES = tuples(_items(), most=2).map(lambda items: tree.File(1, items, (), SPAN.source))


@pytest.fixture(scope="session")
def draw_file() -> Callable[[st.DataObject], tree.File]:
    """Draws a file of any shape that the grammar allows, without comments."""
    return lambda data: data.draw(FILES)
