"""Builds small models by hand: layers in a chain, or the steps of a function."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
import torch

from qdsl import formats, registry
from qdsl.formats import FormatError, make_weight_format
from qdsl.ir.builder import Builder, Value
from qdsl.ir.format import F32, ActivationFormat, WeightFormat
from qdsl.ir.layer import Layer
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
from qdsl.ir.pattern import Dense, Pattern
from qdsl.ir.shape import shape

DENSE = Dense()
FAMILIES = registry.collect(formats, formats.Family)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


def weight_format(
    name: str, *flags: str, pattern: Pattern = DENSE, **options: object
) -> WeightFormat:
    """`weight_format("int4", "asymmetric", group=8)`."""
    format = make_weight_format(FAMILIES[name], options, flags, pattern)
    assert not isinstance(format, FormatError), format
    return format


def input_type(dtype: str, *dims: int | str) -> TensorType:
    return TensorType(dtype, shape(*dims))


@dataclass
class ModelMaker:
    """Collects members and entries, then makes the Model.

    A member is a layer, or a list of layers (a repeat); functions of an entry's body call members
    with `call`.
    """

    members: dict[str, Layer | list[Layer]]
    choose: Callable[[str], WeightFormat] = lambda path: F32
    activations: Mapping[str, ActivationFormat] = field(default_factory=dict)
    states: Mapping[str, ActivationFormat] = field(default_factory=dict)
    ties: Mapping[str, str] = field(default_factory=dict)
    folds: tuple[Fold, ...] = ()
    frozen: frozenset[str] = frozenset()
    entries: list[Entry] = field(default_factory=list)

    def entry(
        self,
        name: str,
        inputs: Mapping[str, TensorType],
        function: Callable[..., Value | tuple[Value, ...]],
        zeros: frozenset[str] = frozenset(),
    ) -> "ModelMaker":
        """`function(body, *inputs)` computes the results with `body.b` and `body.call`."""
        builder = Builder(name, {})
        values = [builder.input(t) for t in inputs.values()]
        results = function(Body(builder, self.members), *values)
        results = results if isinstance(results, tuple) else (results,)
        given = tuple(EntryInput(n, t, n in zeros) for n, t in inputs.items())
        types = tuple(r.type for r in results)
        self.entries.append(Entry(name, given, types, builder.finish(results)))
        return self

    def model(self) -> Model:
        members = {n: _module(m) for n, m in self.members.items()}
        root = Module("M", False, (), members)
        return Model(
            "M",
            root,
            tuple(self.entries),
            tuple(self._storages(root)),
            dict(self.ties),
            dict(self.activations),
            dict(self.states),
            self.folds,
        )

    def _storages(self, root: Module) -> list[Storage]:
        norms = {f.norm for f in self.folds}
        found = []
        for base, module in root.walk():
            if base in norms:
                continue
            for p in module.parameters:
                path = join(base, p.name)
                if path in self.ties:
                    continue
                format = self.choose(path) if p.role is Role.WEIGHT else F32
                found.append(
                    Storage(path, module.kind, p, Assigned(format), path not in self.frozen)
                )
        return found


@dataclass
class Body:
    b: Builder
    members: Mapping[str, Layer | list[Layer]]

    def call(self, member: str, *inputs: Value, function: str = "forward") -> Value:
        results = self.calls(member, *inputs, function=function)
        return results[0]

    def calls(self, member: str, *inputs: Value, function: str = "forward") -> tuple[Value, ...]:
        name, _, index = member.partition("[")
        layer = self.members[name]
        if isinstance(layer, list):
            layer = layer[int(index[:-1])]
        inner = Builder(function, {p.name: p.shape for p in layer.parameters()})
        results = getattr(layer, function)(inner, *(inner.input(i.type) for i in inputs))
        results = results if isinstance(results, tuple) else (results,)
        body = inner.finish(results)
        return self.b.invoke(member, body, inputs, [r.type for r in results])


def _module(member: Layer | list[Layer]) -> Module | tuple[Module, ...]:
    if isinstance(member, list):
        return tuple(_module(m) for m in member)
    return Module(type(member).__name__, True, member.parameters(), {})


def layer_model(
    layer: Layer,
    *inputs: TensorType,
    function: str = "forward",
    format: WeightFormat = F32,
    activations: ActivationFormat | None = None,
    states: ActivationFormat | None = None,
    zeros: frozenset[str] = frozenset(),
) -> Model:
    """A model of one layer, member `layer`, entry `forward`."""
    maker = ModelMaker(
        {"layer": layer},
        choose=lambda path: format,
        activations={"layer": activations} if activations else {},
        states={"layer": states} if states else {},
    )
    named = {f"x{i}": t for i, t in enumerate(inputs)}
    return maker.entry(
        "forward", named, lambda body, *x: body.calls("layer", *x, function=function), zeros
    ).model()


@dataclass(frozen=True)
class Make:
    """What the tests build with."""

    maker: type[ModelMaker] = ModelMaker
    layer_model: Callable[..., Model] = staticmethod(layer_model)
    format: Callable[..., WeightFormat] = staticmethod(weight_format)
    type: Callable[..., TensorType] = staticmethod(input_type)


@pytest.fixture(scope="session")
def make() -> Make:
    return Make()
