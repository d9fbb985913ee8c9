"""Which norms are folded, decided from the graph alone, and what is left to store."""

from dataclasses import replace

import pytest

from qdsl.ir import op as ops
from qdsl.ir.builder import Builder
from qdsl.ir.format import F32
from qdsl.ir.model import (
    Assigned,
    Entry,
    EntryInput,
    Fold,
    Model,
    Module,
    Role,
    Storage,
    TensorType,
    join,
)
from qdsl.ir.shape import shape
from qdsl.layers.batchnorm import BatchNorm
from qdsl.layers.conv1d import Conv1d
from qdsl.layers.linear import Linear
from qdsl.passes import PASSES, run_passes

X = TensorType("f32", shape("B", "T", 4))
MEMBERS = {
    "conv": Conv1d(4, 4, kernel=3, padding="causal", bias=False),
    "linear": Linear(4, 4),
    "norm": BatchNorm(4),
    "other": BatchNorm(4),
}


def call(outer, name, x):
    layer = MEMBERS[name]
    inner = Builder("forward", {p.name: p.shape for p in layer.parameters()})
    body = inner.finish((layer.forward(inner, inner.input(X)),))
    (result,) = outer.invoke(name, body, (x,), (X,))
    return result


def relu(outer, x):
    return outer.emit(ops.Unary("relu"), x)


def entry(name, compute):
    outer = Builder(name, {})
    results = compute(outer, outer.input(X))
    results = results if isinstance(results, tuple) else (results,)
    types = tuple(r.type for r in results)
    return Entry(name, (EntryInput("x", X),), types, outer.finish(results))


def model(*computes, ties=None):
    members = {n: Module(type(x).__name__, True, x.parameters(), {}) for n, x in MEMBERS.items()}
    root = Module("M", False, (), members)
    ties = ties or {}
    storages = tuple(
        Storage(path, module.kind, p, Assigned(F32))
        for base, module in root.walk()
        for p in module.parameters
        if (path := join(base, p.name)) not in ties
    )
    entries = tuple(entry(f"e{i}", compute) for i, compute in enumerate(computes))
    return Model("M", root, entries, storages, ties, {}, {})


def paths(found, module):
    return [s.path for s in found.storages if s.module_path == module]


def chain(*names):
    """A function that calls the members one after the other."""

    def compute(outer, x):
        for name in names:
            x = relu(outer, x) if name == "relu" else call(outer, name, x)
        return x

    return compute


def test_a_norm_behind_a_convolution_is_folded_and_brings_its_bias():
    found = run_passes(model(chain("conv", "norm", "relu", "linear")))
    assert found.folds == (Fold("norm", "conv"),)
    assert paths(found, "norm") == []
    assert paths(found, "conv") == ["conv.weight", "conv.bias"]
    bias = found.storage("conv.bias")
    assert (bias.parameter.shape, bias.parameter.role, bias.format) == ((4,), Role.BIAS, F32)


def test_a_bias_that_is_there_is_kept():
    found = run_passes(model(chain("linear", "norm")))
    assert found.folds == (Fold("norm", "linear"),)
    assert paths(found, "linear") == ["linear.weight", "linear.bias"]


def test_entries_that_reach_the_pair_in_the_same_way_agree():
    found = run_passes(model(chain("conv", "norm"), chain("relu", "conv", "norm", "linear")))
    assert found.folds == (Fold("norm", "conv"),)


def test_calls_of_the_pair_may_repeat():
    found = run_passes(model(chain("conv", "norm", "relu", "conv", "norm")))
    assert found.folds == (Fold("norm", "conv"),)


def used_twice(outer, x):
    y = call(outer, "conv", x)
    return call(outer, "norm", y), relu(outer, y)


def returned_too(outer, x):
    y = call(outer, "conv", x)
    return call(outer, "norm", y), y


def two_norms(outer, x):
    y = call(outer, "conv", x)
    return call(outer, "norm", y), call(outer, "other", y)


@pytest.mark.parametrize(
    "computes",
    [
        (chain("norm"),),
        (chain("conv", "relu", "norm"),),
        (used_twice,),
        (returned_too,),
        (two_norms,),
        (chain("conv", "norm"), chain("conv", "relu")),
        (chain("conv", "norm"), chain("norm")),
        (chain("conv", "norm", "relu", "linear", "norm"),),
        (chain("conv", "norm", "relu", "conv", "other"),),
    ],
)
def test_any_other_norm_is_a_scale_and_a_shift(computes):
    source = model(*computes)
    found = run_passes(source)
    assert found.folds == ()
    assert paths(found, "norm") == ["norm.weight", "norm.bias"]
    assert paths(found, "conv") == ["conv.weight"]


@pytest.mark.parametrize("layer", ["conv", "linear"])
def test_a_tied_weight_is_not_folded_into(layer):
    ties = {"conv.weight": "linear.weight"}  # shapes do not matter to the pass
    found = run_passes(model(chain(layer, "norm"), ties=ties))
    assert found.folds == ()
    assert paths(found, "norm") == ["norm.weight", "norm.bias"]


def test_a_norm_with_a_tied_parameter_is_left_alone():
    source = model(chain("conv", "norm"), chain("other"), ties={"other.weight": "norm.weight"})
    found = run_passes(source)
    assert found.folds == ()
    assert found.storages == source.storages


def test_the_input_of_a_pass_is_not_changed():
    source = model(chain("conv", "norm"))
    before = replace(source)
    run_passes(source)
    assert (source.storages, source.folds) == (before.storages, before.folds)


def test_passes_are_named_in_their_order():
    assert [p.name for p in PASSES] == ["fold-batch-norm"]
