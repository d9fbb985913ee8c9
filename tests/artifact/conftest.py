"""Builds random models, and random tensors for them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import strategies as st

from qdsl import formats, registry
from qdsl.artifact.bits import pack_codes, pack_fields, pack_index
from qdsl.artifact.layout import (
    Part,
    kept_per_row,
    range_tensors,
    scale_shape,
    storage_tensors,
)
from qdsl.formats import FormatError, check_shape, make_weight_format
from qdsl.ir.builder import Builder
from qdsl.ir.format import (
    F32,
    ActivationFormat,
    Activations,
    BinaryGrid,
    CodebookGrid,
    FloatFormat,
    IntegerGrid,
    IntegerZero,
    PerTensor,
    PerToken,
    StaticFormat,
    Symmetric,
    TernaryGrid,
    WeightFormat,
    code_bits,
)
from qdsl.ir.layer import Layer
from qdsl.ir.model import (
    Assigned,
    Body,
    Entry,
    EntryInput,
    Model,
    Module,
    Parameter,
    Role,
    Storage,
    TensorType,
    join,
)
from qdsl.ir.pattern import NM, Dense, Unstructured
from qdsl.ir.ranges import ranges
from qdsl.ir.shape import Shape, shape
from qdsl.layers.batchnorm import BatchNorm
from qdsl.layers.conv1d import Conv1d
from qdsl.layers.conv2d import Conv2d
from qdsl.layers.embedding import Embedding
from qdsl.layers.gru import GRU
from qdsl.layers.layernorm import LayerNorm
from qdsl.layers.linear import Linear
from qdsl.layers.lstm import LSTM

FAMILIES = registry.collect(formats, formats.Family)


@dataclass(frozen=True)
class Piece:
    """A layer with the type of its one input."""

    layer: Layer
    input: TensorType


def piece(layer: Layer, dtype: str, dims: Shape) -> Piece:
    return Piece(layer, TensorType(dtype, dims))


# ---- models from layers ------------------------------------------------------------------------


def layer_module(layer: Layer) -> Module:
    return Module(type(layer).__name__, True, layer.parameters(), {})


def layer_body(item: Piece) -> tuple[Body, TensorType]:
    builder = Builder("forward", {p.name: p.shape for p in item.layer.parameters()})
    result = item.layer.forward(builder, builder.input(item.input))
    return builder.finish((result,)), result.type


def block(pieces: tuple[Piece, ...]) -> tuple[Module, Body, tuple[TensorType, ...]]:
    """A block of layers `l0`, `l1`, … with an input and a result each."""
    members = {f"l{i}": layer_module(p.layer) for i, p in enumerate(pieces)}
    builder = Builder("forward", {})
    inputs = [builder.input(p.input) for p in pieces]
    results = []
    for i, item in enumerate(pieces):
        body, type = layer_body(item)
        results += builder.invoke(f"l{i}", body, (inputs[i],), (type,))
    types = tuple(r.type for r in results)
    return Module("Block", False, (), members), builder.finish(results), types


def chosen_model(
    pieces: tuple[Piece, ...],
    repeats: int,
    choose: Callable[[str, Parameter], WeightFormat] = lambda path, parameter: F32,
    ties: Mapping[str, str] | None = None,
    activations: Mapping[str, Activations] | None = None,
    roundings: Mapping[str, Mapping[str, Activations]] | None = None,
) -> Model:
    """A model `blocks = repeat n { Block }`, `head = Block` and a parameter, all called once."""
    module, body, types = block(pieces)
    own = Parameter("gain", (3, 4), Role.WEIGHT, "ones")
    root = Module("M", False, (own,), {"blocks": (module,) * repeats, "head": module})
    builder = Builder("run", {})
    inputs = [builder.input(p.input) for p in pieces]
    for i in range(repeats):
        builder.invoke(f"blocks[{i}]", body, inputs, types)
    results = builder.invoke("head", body, inputs, types)
    entry = Entry(
        name="run",
        inputs=tuple(EntryInput(f"x{i}", p.input, zeros=i == 1) for i, p in enumerate(pieces)),
        results=types,
        body=builder.finish(results),
    )
    ties = ties or {}
    storages = tuple(
        Storage(path, m.kind if m.is_layer else "parameter", p, Assigned(choose(path, p)))
        for base, m in root.walk()
        for p in m.parameters
        if (path := join(base, p.name)) not in ties
    )
    rounded = roundings or {}
    return Model("M", root, (entry,), storages, ties, activations or {}, {}, roundings=rounded)


# ---- random ones -------------------------------------------------------------------------------

_size = st.sampled_from((1, 2, 3, 5, 8, 12, 16, 24, 64, 80, 127))


@st.composite
def pieces(draw: st.DrawFn) -> Piece:
    a, b, k = draw(_size), draw(_size), draw(st.integers(1, 4))
    sequence = shape("B", "T", a)
    return draw(
        st.sampled_from(
            (
                piece(Linear(a, b), "f32", sequence),
                piece(Linear(a, b, bias=False), "f32", sequence),
                piece(Embedding(a, b), "i64", shape("B", "U")),
                piece(Conv1d(a, b, kernel=k, padding="causal"), "f32", sequence),
                piece(Conv1d(a, a, kernel=k, groups=a), "f32", sequence),
                piece(Conv2d(a, b, kernel=k, stride=2), "f32", shape("B", "T", 80, a)),
                piece(LSTM(a, b + 1, draw(st.integers(0, b))), "f32", sequence),
                piece(GRU(a, b), "f32", sequence),
                piece(LayerNorm(a), "f32", sequence),
                piece(BatchNorm(a), "f32", sequence),
            )
        )
    )


PATTERNS = (
    *(Dense(), Dense(), Unstructured(900_000)),
    *(NM(2, 4), NM(1, 3), NM(3, 8), NM(1, 2), NM(3, 4)),
)


@st.composite
def weight_formats(draw: st.DrawFn, k: int) -> WeightFormat:
    """Any format that fits rows of k; f32 where what was drawn does not."""
    family = FAMILIES[draw(st.sampled_from(sorted(FAMILIES)))]
    values = {
        "group": draw(st.sampled_from((1, 2, 4, 8, 12, 16, 32))),
        "per": draw(st.sampled_from(("tensor", "channel"))),
        "scale": draw(st.sampled_from(("f32", "f16", "bf16"))),
        "zero": draw(st.sampled_from(("int", "f32", "f16", "bf16"))),
        "clip": draw(st.sampled_from(("none", "search", "learned", 0.3, 0.75))),
        "clip_norm": draw(st.sampled_from((1, 2, 4))),
        "clip_per": draw(st.sampled_from(("tensor", "channel"))),
        "levels": draw(st.sampled_from(("full", "narrow", "half"))),
        "tail": draw(st.sampled_from(("short", "exact"))),
        "rule": draw(st.sampled_from(("absmean", "threshold"))),
        "ste": draw(st.sampled_from(("scaled", "identity"))),
        "index": draw(st.sampled_from(("position", "combination"))),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(values))))
    options = {n: v for n, v in values.items() if n in family.options & chosen}
    if "group" in options:
        options.pop("per", None)
    else:
        options.pop("tail", None)
    flags = draw(st.sets(st.sampled_from(("asymmetric", "center")))) & family.flags
    if "asymmetric" not in flags:
        options.pop("zero", None)
    if options.get("clip") != "search":
        options = {n: v for n, v in options.items() if not n.startswith("clip_")}
    pattern = draw(st.sampled_from(PATTERNS))
    if not isinstance(pattern, NM):
        options.pop("index", None)
    format = make_weight_format(family, options, flags, pattern)
    if isinstance(format, FormatError) or check_shape(format, 1, k):
        return F32
    return format


@st.composite
def random_models(draw: st.DrawFn) -> Model:
    drawn = tuple(draw(st.lists(pieces(), min_size=1, max_size=4)))
    repeats = draw(st.integers(0, 3))

    def choose(path: str, parameter: Parameter) -> WeightFormat:
        return draw(weight_formats(parameter.matrix[1]))

    names = [f"l{i}.weight" for i, p in enumerate(drawn) if not isinstance(p.layer, LSTM | GRU)]
    tied = draw(st.sets(st.sampled_from(names))) if names and repeats else set()
    ties = {f"head.{name}": f"blocks[{repeats - 1}].{name}" for name in tied}
    activations = {"head.l0": draw(activation_formats)} if draw(st.booleans()) else {}
    outputs = {"head.l0": draw(activation_formats)} if draw(st.booleans()) else {}
    rounded = {"output": outputs} if outputs else {}
    return chosen_model(drawn, repeats, choose, ties, activations, rounded)


activation_formats = st.one_of(
    st.sampled_from((ActivationFormat(PerToken()), ActivationFormat(PerTensor()), FloatFormat())),
    st.builds(
        StaticFormat,
        st.builds(IntegerGrid, st.integers(2, 8), st.booleans()),
        st.sampled_from((Symmetric(), IntegerZero())),
    ),
)


# ---- random tensors ----------------------------------------------------------------------------


def random_tensors(model: Model, seed: int) -> dict[str, np.ndarray]:
    """Tensors by key that a packer could have written."""
    rng = np.random.default_rng(seed)
    found = {
        entry.key: _random(rng, storage, entry.part, entry.dtype, entry.shape)
        for storage in model.storages
        for entry in storage_tensors(storage)
    }
    for range in ranges(model):
        for entry in range_tensors(range):
            zero = rng.integers(0, 1 << range.format.grid.bits, (1,)).astype(np.uint8)
            scale = rng.uniform(0.5, 2.0, (1,)).astype(np.float32)
            found[entry.key] = zero if entry.part is Part.ZEROS else scale
    return found


def _random(rng, storage, what, dtype, dims):
    format = storage.format
    if what is Part.CODEBOOK:
        return np.sort(rng.uniform(-1, 1, dims)).astype(np.float32)
    if dtype != "U8":
        values = rng.uniform(0.5, 2.0, dims).astype(np.float32)
        if dtype == "BF16":
            return (values.view(np.uint32) >> 16).astype(np.uint16)
        return values.astype(np.float16) if dtype == "F16" else values
    outputs, k = storage.parameter.matrix
    kept, _ = kept_per_row(format.pattern, k)
    match what:
        case Part.CODES:
            return pack_codes(random_codes(rng, format.grid, (outputs, kept)), format.grid)
        case Part.INDEX:
            pattern = format.pattern
            groups = rng.random((outputs, k // pattern.group, pattern.group))
            index = np.sort(groups.argsort(axis=2)[:, :, : pattern.kept], axis=2)
            return pack_index(index.reshape(outputs, kept).astype(np.uint8), pattern)
        case Part.ZEROS:
            bits = code_bits(format.grid)
            columns = scale_shape(format.grouping, outputs, k)[1]
            return pack_fields(rng.integers(0, 1 << bits, (dims[0], columns)), bits)


def random_codes(rng, grid, dims):
    match grid:
        case IntegerGrid():
            return rng.integers(grid.qmin, grid.qmax + 1, dims)
        case TernaryGrid():
            return rng.integers(-1, 2, dims)
        case BinaryGrid():
            return rng.choice((-1, 1), dims)
        case CodebookGrid(bits):
            return rng.integers(0, 1 << bits, dims)


# ---- fixtures ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def models() -> st.SearchStrategy[Model]:
    return random_models()


@pytest.fixture(scope="session")
def tensors_of() -> Callable[[Model, int], dict[str, np.ndarray]]:
    return random_tensors


@pytest.fixture(scope="session")
def small_model() -> Model:
    """One of each: float, packed, sparse, asymmetric, tied, dynamic activations."""
    formats_of = {
        "blocks[0].l0.weight": ("int4", {"group": 8}, (), NM(2, 4)),
        "blocks[1].l0.weight": ("int4", {"group": 8}, ("asymmetric",), Dense()),
        "blocks[0].l1.weight": ("int8", {}, (), Dense()),
        "blocks[1].l1.weight": ("ternary", {"scale": "bf16", "pack": "base3"}, (), Dense()),
        "head.l0.weight": ("binary", {"scale": "f16"}, (), Dense()),
    }

    def choose(path: str, parameter: Parameter) -> WeightFormat:
        if path not in formats_of:
            return F32
        family, options, flags, pattern = formats_of[path]
        format = make_weight_format(FAMILIES[family], options, flags, pattern)
        assert isinstance(format, WeightFormat)
        return format

    chain = (
        piece(Linear(16, 5), "f32", shape("B", "T", 16)),
        piece(Embedding(7, 12), "i64", shape("B", "U")),
    )
    ties = {"head.l1.weight": "blocks[1].l1.weight"}
    return chosen_model(chain, 2, choose, ties, {"head.l0": ActivationFormat()})
