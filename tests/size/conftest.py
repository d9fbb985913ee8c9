"""Makes a small recognizer whose formats, depth and ties a test may choose."""

from collections.abc import Callable, Mapping

import pytest

from qdsl.ir import op as ops
from qdsl.ir.builder import Builder
from qdsl.ir.format import F32, WeightFormat
from qdsl.ir.layer import Layer
from qdsl.ir.model import (
    Assigned,
    Entry,
    EntryInput,
    Model,
    Module,
    Storage,
    TensorType,
    join,
)
from qdsl.ir.shape import shape
from qdsl.layers.batchnorm import BatchNorm
from qdsl.layers.conv1d import Conv1d
from qdsl.layers.embedding import Embedding
from qdsl.layers.layernorm import LayerNorm
from qdsl.layers.linear import Linear
from qdsl.layers.lstm import LSTM
from qdsl.passes import run_passes
from qdsl.size.report import Report, size
from qdsl.source import Source, Span, no_span

Choose = Callable[[str], tuple[WeightFormat, Span] | None]


def span_of(source: Source, text: str) -> Span:
    start = source.text.index(text)
    return Span(source, start, start + len(text))


def bodies(layer: Layer, *inputs: TensorType):
    inner = Builder("forward", {p.name: p.shape for p in layer.parameters()})
    result = layer.forward(inner, *(inner.input(t) for t in inputs))
    return inner.finish((result,)), result.type


def call(outer: Builder, member: str, layer: Layer, x):
    body, type = bodies(layer, x.type)
    (result,) = outer.invoke(member, body, (x,), (type,))
    return result


def build(choose: Choose, *, depth: int, width: int, tied: bool, member_span: Span) -> Model:
    """`front = Conv1d`, `front_norm = BatchNorm`, `blocks = repeat depth {…}`, `table`, `out`."""
    block = {"up": Linear(width, 2 * width), "down": Linear(2 * width, width)}
    layers: dict[str, Layer] = {
        "front": Conv1d(8, width, kernel=3, stride=2, bias=False),
        "front_norm": BatchNorm(width),
        "norm": LayerNorm(width),
        "memory": LSTM(width, 24, 16),
        "table": Embedding(10, 16),
        "out": Linear(16, 10),
    }
    made = {n: module_of(layer, member_span) for n, layer in layers.items()}
    inside = {n: module_of(layer, member_span) for n, layer in block.items()}
    element = Module("Block", False, (), inside, member_span)
    members = {**made, "blocks": (element,) * depth}
    root = Module("Recognizer", False, (), members)
    ties = {"out.weight": "table.weight"} if tied else {}
    entries = (encode(layers, block, depth), predict(layers))
    return Model("Recognizer", root, entries, tuple(storages(root, ties, choose)), ties, {}, {})


def module_of(layer: Layer, span: Span) -> Module:
    return Module(type(layer).__name__, True, layer.parameters(), {}, span)


def storages(root: Module, ties: Mapping[str, str], choose: Choose):
    for base, module in root.walk():
        for p in module.parameters:
            if (path := join(base, p.name)) not in ties:
                format, span = choose(path) or (F32, no_span())
                yield Storage(path, module.kind, p, Assigned(format, span))


def encode(layers: Mapping[str, Layer], block: Mapping[str, Layer], depth: int) -> Entry:
    outer = Builder("encode", {})
    audio = TensorType("f32", shape("B", "T", 8))
    x = outer.input(audio)
    x = call(outer, "front_norm", layers["front_norm"], call(outer, "front", layers["front"], x))
    for i in range(depth):
        for name in ("up", "down"):
            x = call(outer, f"blocks[{i}].{name}", block[name], x)
    scores = outer.emit(ops.Einsum("btd,bsd->bts"), x, x)
    x = call(outer, "memory", layers["memory"], call(outer, "norm", layers["norm"], x))
    results = (call(outer, "out", layers["out"], x), scores)
    types = tuple(r.type for r in results)
    return Entry("encode", (EntryInput("audio", audio),), types, outer.finish(results))


def predict(layers: Mapping[str, Layer]) -> Entry:
    outer = Builder("predict", {})
    labels = TensorType("i64", shape("B", "U"))
    x = call(outer, "table", layers["table"], outer.input(labels))
    return Entry("predict", (EntryInput("labels", labels),), (x.type,), outer.finish((x,)))


@pytest.fixture(scope="session")
def source() -> Source:
    return Source(
        "specs/small.qspec",
        "model Recognizer {\n"
        "    blocks = repeat 3 { Block(16) }\n"
        "}\n"
        "policy small {\n"
        "    default      { weights = f32 }\n"
        "    blocks[*].** { weights = int4(group = 16) }\n"
        "    table        { weights = int8 }\n"
        "}\n",
    )


@pytest.fixture(scope="session")
def report_of(source: Source):
    """report(name, choose, depth = 3, width = 16, tied = True) → Report."""

    def report(name: str, choose: Choose, depth=3, width=16, tied=True) -> Report:
        member = span_of(source, "repeat 3 { Block(16) }")
        model = build(choose, depth=depth, width=width, tied=tied, member_span=member)
        return size(name, model, run_passes(model), kernel_of)

    def kernel_of(storage: Storage) -> str:
        return "torch" if storage.format.is_float else "linear_int8"

    return report


@pytest.fixture(scope="session")
def place(source: Source):
    """place(text) → the span of that text in the spec."""
    return lambda text: span_of(source, text)
