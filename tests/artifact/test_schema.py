"""A model as JSON: canonical, without spans, compact, and read back with distrust."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qdsl.artifact.codec import Malformed, decode, encode
from qdsl.artifact.model_reader import DEEPEST_MODEL, MOST_BUILT, MOST_UNROLLED, model_from_json
from qdsl.artifact.schema import canonical, model_to_json
from qdsl.ir import op as ops
from qdsl.ir.flat import graphs
from qdsl.ir.model import Assigned
from qdsl.ir.shape import dim
from qdsl.source import Source, Span

T, S = dim("T"), dim("S")

OPERATIONS = (
    ops.Read(),
    ops.Linear(),
    ops.Embedding(),
    ops.Conv((3, 5), (2, 1), ((0, 1), (2, 2)), (1, 1), groups=4),
    ops.Lstm(7),
    ops.Gru(),
    ops.LayerNorm(1e-5),
    ops.BatchNorm(1e-5, 0.1),
    ops.Einsum("bthd,bshd->bhts"),
    ops.Softmax(-1),
    ops.LogSoftmax(2),
    ops.Unary("silu"),
    ops.Binary("floordiv"),
    ops.Where(),
    ops.Glu(-1),
    ops.Cast("f32"),
    ops.Dropout(0.1),
    ops.Scalar(True),
    ops.Scalar(3),
    ops.Scalar(float("-inf")),
    ops.Full((T, dim(3)), float("inf"), "f32"),
    ops.Full((), 0.0, "f32"),
    ops.Range(T * 2 - 1),
    ops.Length((T - 3) // 2 + 1, "T"),
    ops.Index((ops.At(dim(-1)), ops.Cut(None, T // S), ops.Keep(), ops.NewAxis())),
    ops.Cat(1),
    ops.Stack(0),
    ops.Reshape((T * S, dim(80))),
    ops.Transpose((0, 2, 1)),
    ops.Expand((T, S)),
    ops.Pad(1, dim(0), T - S, -1.5),
    ops.Reduce("mean", 1, keep=True),
    ops.Windows(1, 3, 2),
    ops.Gather(0),
    ops.IndexUpdate(1),
    ops.RelativeShift(),
    ops.Pool("max", 1, 2, 2),
)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda o: type(o).__name__)
def test_an_operation_comes_back(operation):
    text = canonical(encode(operation))
    found = decode(ops.Op, json.loads(text))
    assert found == operation
    assert canonical(encode(found)) == text


def test_every_operation_is_tried():
    assert {type(o) for o in OPERATIONS} == set(ops.Op.__args__)


@pytest.mark.parametrize(
    "value",
    [
        {"is": "Linear", "bias": True},
        {"is": "Linear"},
        {"is": "Exec"},
        {"is": "Softmax"},
        {"is": "Softmax", "axis": 1.0},
        {"is": "Softmax", "axis": True},
        {"is": "Softmax", "axis": 1 << 63},
        {"is": "LayerNorm", "eps": "0.1"},
        {"is": "Reshape", "shape": [[[0, "T"]]]},
        {"is": "Reshape", "shape": [[[1, ["T", 0]]]]},
        {"is": "Reshape", "shape": [[]]},
        {"is": "Reshape", "shape": ["T"] * 17},
        {"is": "Reshape", "shape": [[[i + 1, f"a{i}"] for i in range(70)]] * 3},
        {"is": "Conv", "kernel": 3, "stride": [1], "padding": [], "dilation": [], "groups": 1},
        None,
        "linear",
    ],
)
def test_an_operation_that_is_none_is_refused(value):
    with pytest.raises(Malformed):
        decode(ops.Op, value)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_model_comes_back(models, data):
    model = data.draw(models)
    text = model_to_json(model)
    found = model_from_json(text)
    assert text.isascii()
    assert model_to_json(found) == text
    assert graphs(found) == graphs(model)
    assert found.storages == model.storages
    assert found.activations == model.activations
    assert found.ties == model.ties


def test_repeated_parts_are_one_value_again(small_model):
    found = model_from_json(model_to_json(small_model))
    first, second = found.root.members["blocks"]
    assert first is second
    assert first is found.root.members["head"]


def test_a_span_changes_nothing(small_model):
    span = Span(Source("a.qspec", "int4  # why"), 0, 4)
    moved = tuple(replace(s, assigned=Assigned(s.format, span)) for s in small_model.storages)
    assert model_to_json(replace(small_model, storages=moved)) == model_to_json(small_model)


def changed(model, **changes):
    return canonical({**json.loads(model_to_json(model)), **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"root": 99}, "row 99 of a table of"),
        ({"root": -1}, "row -1 of a table of"),
        ({"extra": 1}, "`extra` is unknown"),
        ({"name": 3}, "`3` is no str"),
        ({"modules": [["M", True, [], [["a", 0]]]]}, "row 0 of a table of 0"),
        ({"parameters": [["w", [1 << 40, 1 << 40], "weight", "zeros", 1]]}, "absurd shape"),
        ({"parameters": [["w", [-1], "weight", "zeros", 1]]}, "absurd shape"),
        ({"parameters": [["w", [1] * 17, "weight", "zeros", 1]]}, "absurd shape"),
        ({"types": [["f64", []]]}, "`f64` is no dtype"),
        ({"storages": [["Linear", 0, 0, True, ["x[0..999999999].weight"]]]}, "storages"),
        ({"storages": [["Linear", 0, 0, True, ["nowhere.gain"]]]}, "belongs to no module"),
        ({"folds": [["nowhere", "head"]]}, "`nowhere` is no module"),
        ({"activations": {"nowhere": {"is": "ActivationFormat", "grouping": "PerToken"}}},
         "`nowhere` is no layer"),
        ({"ties": {"head.l1.weight": "nowhere"}}, "cannot be tied"),
        ({"ties": {}}, "is not stored"),
    ],
)  # fmt: skip
def test_a_model_that_no_compiler_wrote_is_refused(small_model, changes, message):
    with pytest.raises(Malformed, match=message):
        model_from_json(changed(small_model, **changes))


def refused(model, message, **changes):
    with pytest.raises(Malformed, match=message):
        model_from_json(changed(model, **changes))


def test_repeats_of_repeats_are_counted_before_they_are_built(small_model):
    modules = [["M", False, [], [["m", [[i - 1, 10]]]] if i else []] for i in range(21)]
    refused(small_model, f"more than {MOST_UNROLLED} modules", modules=modules, root=20)


def test_many_wide_repeats_are_counted_together(small_model):
    wide = ["M", False, [], [["m", [[0, 200_000]]]]]
    modules = [["M", False, [], []], *[wide] * 100]
    refused(small_model, f"more than {MOST_BUILT} values", modules=modules)


def test_calls_of_calls_are_counted_before_they_are_unrolled(small_model):
    bodies = [["f", [0], [[i - 1, "m", [0]]] * 10 if i else [], [0]] for i in range(21)]
    refused(small_model, f"more than {MOST_UNROLLED} operations", bodies=bodies)


def test_wide_results_are_counted_before_they_are_numbered(small_model):
    bodies = [["f", [0], [], [0] * 5000], ["g", [0], [[0, "m", [0]]] * 1000, [0]]]
    refused(small_model, f"more than {MOST_BUILT} values", bodies=bodies)


def test_all_entries_count_together(small_model):
    body = ["f", [0], [["Linear", [0], [0]]] * 1000, [0]]
    entries = [[f"e{i}", [["x", 0, False]], [0], 0] for i in range(1000)]
    refused(small_model, f"more than {MOST_UNROLLED} operations", bodies=[body], entries=entries)


def test_modules_may_not_be_nested_without_end(small_model):
    modules = [["M", False, [], [["m", i - 1]] if i else []] for i in range(200)]
    refused(small_model, f"modules nested deeper than {DEEPEST_MODEL}", modules=modules)


def test_deep_json_is_refused_before_it_is_parsed():
    with pytest.raises(Malformed, match="nested deeper"):
        model_from_json("[" * 100_000 + "]" * 100_000)
