"""Reads a model from the JSON of an artifact, trusting nothing: counts are bounded before use."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from qdsl.artifact.codec import (
    LARGEST_INTEGER,
    Json,
    Malformed,
    decode,
    decode_shape,
    record,
    scalar,
    sequence,
)
from qdsl.artifact.parse import parse
from qdsl.artifact.rows import at, integers, items, natural, pair, product, strings
from qdsl.artifact.runs import length, unfold
from qdsl.artifact.verify import verify
from qdsl.ir.format import Activations, WeightFormat
from qdsl.ir.model import (
    Arithmetic,
    Assigned,
    Body,
    Entry,
    EntryInput,
    Fold,
    Functions,
    Invoke,
    Model,
    Module,
    Node,
    Parameter,
    Role,
    Storage,
    TensorType,
)
from qdsl.ir.op import Op
from qdsl.ir.ranges import SIDES

MOST_UNROLLED = 1 << 18  # modules, storages, operations of all entries
MOST_BUILT = 1 << 20  # elements and values that the rows of the tables list
DEEPEST_MODEL = 100  # modules in modules, calls in calls

_MODEL = frozenset(
    "name root entries storages ties activations states folds "
    "types bodies parameters modules formats".split()
)


def model_from_json(text: str) -> Model:
    """The model of `model_to_json`; raises Malformed."""
    data = parse(text)
    # written where there are any, as later fields are
    given = data if isinstance(data, dict) else {}
    optional = {name for name in ("roundings", "arithmetic") if given.get(name)}
    model = _Reader().model(record(data, _MODEL | optional))
    verify(model)
    return model


@dataclass(frozen=True, slots=True)
class _Extent:
    """What a table row unrolls to."""

    count: int = 1
    depth: int = 1

    def with_parts(self, parts: Iterable[tuple["_Extent", int]], what: str) -> "_Extent":
        count, depth = self.count, self.depth
        for part, times in parts:
            count, depth = count + part.count * times, max(depth, part.depth + 1)
        if count > MOST_UNROLLED:
            raise Malformed(f"more than {MOST_UNROLLED} {what}")
        if depth > DEEPEST_MODEL:
            raise Malformed(f"{what} nested deeper than {DEEPEST_MODEL}")
        return _Extent(count, depth)


@dataclass(slots=True)
class _Reader:
    """The tables read so far; a row may only refer to rows before it, so there are no cycles."""

    types: list[TensorType] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    formats: list[WeightFormat] = field(default_factory=list)
    modules: list[Module] = field(default_factory=list)
    bodies: list[Body] = field(default_factory=list)
    module_extents: list[_Extent] = field(default_factory=list)
    body_extents: list[_Extent] = field(default_factory=list)
    built: int = 0

    def build(self, count: int) -> None:
        """Bounds what small rows may ask for, before it is built."""
        self.built += count
        if self.built > MOST_BUILT:
            raise Malformed(f"more than {MOST_BUILT} values and elements")

    def model(self, data: Json) -> Model:
        self.types = [_type(row) for row in sequence(data["types"])]
        self.parameters = [_parameter(row) for row in sequence(data["parameters"])]
        self.formats = [decode(WeightFormat, row) for row in sequence(data["formats"])]
        for row in sequence(data["modules"]):
            self._module(row)
        for row in sequence(data["bodies"]):
            self._body(row)
        root = at(self.modules, data["root"])
        return Model(
            name=scalar(str, data["name"]),
            root=root,
            entries=self._entries(data["entries"]),
            storages=_in_order(root, self._storages(data["storages"])),
            ties=_texts(data["ties"]),
            activations=_activations(data["activations"]),
            states=_activations(data["states"]),
            folds=tuple(Fold(*strings(f, 2)) for f in sequence(data["folds"])),
            roundings=_roundings(data.get("roundings", {})),
            **_arithmetic(data.get("arithmetic")),
        )

    def _module(self, row: Json) -> None:
        kind, layer, parameters, listed = items(row, 4)
        members: dict[str, Module | tuple[Module, ...]] = {}
        extent = _Extent()
        for member in sequence(listed):
            name, value = pair(member)
            if not scalar(str, name).isidentifier():
                raise Malformed(f"`{name[:40]}` is no name of a member")
            if name in members:
                raise Malformed(f"member `{name[:40]}` stands twice in one module")
            runs = sequence(value) if isinstance(value, list) else [[value, 1]]
            counted = [(n, natural(c)) for n, c in map(pair, runs)]
            parts = [(at(self.module_extents, n), c) for n, c in counted]
            extent = extent.with_parts(parts, "modules")
            self.build(sum(c for _, c in counted))
            elements = tuple(m for n, c in counted for m in (at(self.modules, n),) * c)
            members[name] = elements if isinstance(value, list) else elements[0]
        own = tuple(at(self.parameters, n) for n in sequence(parameters))
        self.modules.append(Module(scalar(str, kind), scalar(bool, layer), own, members))
        self.module_extents.append(extent)

    def _body(self, row: Json) -> None:
        function, given, listed, outputs = items(row, 4)
        inputs = self._types(given)
        steps: list[Node | Invoke] = []
        extent, values = _Extent(), len(inputs)
        for item in sequence(listed):
            step, part = self._step(sequence(item), values)
            extent = extent.with_parts([(part, 1)], "operations")
            values += len(step.outputs)
            steps.append(step)
        self.body_extents.append(extent)
        self.bodies.append(
            Body(
                function=scalar(str, function),
                inputs=inputs,
                steps=tuple(steps),
                outputs=integers(outputs),
                size=sum(s.body.size if isinstance(s, Invoke) else 1 for s in steps),
            )
        )

    def _step(self, row: list[Json], first: int) -> tuple[Node | Invoke, _Extent]:
        """A step whose results are the values from `first` on, and what it unrolls to."""
        if row and isinstance(row[0], int):
            number, member, inputs = items(row, 3)
            body = at(self.bodies, number)
            self.build(len(body.outputs))
            outputs = tuple(range(first, first + len(body.outputs)))
            call = Invoke(scalar(str, member), body, integers(inputs), outputs)
            return call, self.body_extents[number]
        op, inputs, types, parameters, name = items([*row, *([], "")[len(row) - 3 :]], 5)
        results = self._types(types)
        node = Node(
            op=decode(Op, op),
            inputs=integers(inputs),
            outputs=tuple(range(first, first + len(results))),
            types=results,
            parameters=strings(parameters),
            name=scalar(str, name),
        )
        return node, _Extent()

    def _entries(self, rows: Json) -> tuple[Entry, ...]:
        numbers = [items(row, 4)[3] for row in sequence(rows)]
        extents = [(at(self.body_extents, n), 1) for n in numbers]
        _Extent().with_parts(extents, "operations")
        return tuple(self._entry(row) for row in rows)

    def _entry(self, row: Json) -> Entry:
        name, inputs, results, body = items(row, 4)
        return Entry(
            name=scalar(str, name),
            inputs=tuple(self._entry_input(i) for i in sequence(inputs)),
            results=self._types(results),
            body=at(self.bodies, body),
        )

    def _entry_input(self, row: Json) -> EntryInput:
        name, type, zeros = items(row, 3)
        return EntryInput(scalar(str, name), at(self.types, type), scalar(bool, zeros))

    def _types(self, value: Json) -> tuple[TensorType, ...]:
        return tuple(at(self.types, n) for n in sequence(value))

    def _storages(self, value: Json) -> list[Storage]:
        storages: list[Storage] = []
        for row in sequence(value):
            kind, parameter, format, trainable, runs = items(row, 5)
            texts = strings(runs)
            if len(storages) + sum(map(length, texts)) > MOST_UNROLLED:
                raise Malformed(f"more than {MOST_UNROLLED} storages")
            storages += [
                Storage(
                    path=path,
                    kind=scalar(str, kind),
                    parameter=at(self.parameters, parameter),
                    assigned=Assigned(at(self.formats, format)),
                    trainable=scalar(bool, trainable),
                )
                for text in texts
                for path in unfold(text)
            ]
        return storages


def _in_order(root: Module, storages: list[Storage]) -> tuple[Storage, ...]:
    """In the order of the module tree; a parameter that only a pass added comes last."""
    places = {path: (i, module) for i, (path, module) in enumerate(root.walk())}

    def place(s: Storage) -> tuple[int, int]:
        if s.module_path not in places:
            raise Malformed(f"storage `{s.path[:80]}` belongs to no module")
        i, module = places[s.module_path]
        names = [p.name for p in module.parameters]
        name = s.parameter.name
        return i, names.index(name) if name in names else len(names)

    return tuple(sorted(storages, key=place))


# ---- values ------------------------------------------------------------------------------------


def _type(row: Json) -> TensorType:
    dtype, dims = pair(row)
    if dtype not in ("f32", "i64", "bool"):
        raise Malformed(f"`{str(dtype)[:40]}` is no dtype")
    return TensorType(dtype, decode_shape(sequence(dims)))


def _parameter(row: Json) -> Parameter:
    name, shape, role, init, rows = items(row, 5)
    sizes = integers(shape)
    if len(sizes) > 16 or not 0 <= scalar(int, rows) <= len(sizes) + 1:
        raise Malformed(f"parameter `{str(name)[:40]}` has an absurd shape")
    if min(sizes, default=0) < 0 or product(sizes) > LARGEST_INTEGER:
        raise Malformed(f"parameter `{str(name)[:40]}` has an absurd shape")
    return Parameter(scalar(str, name), sizes, decode(Role, role), scalar(str, init), rows)


def _activations(value: Json) -> dict[str, Activations]:
    if not isinstance(value, dict):
        raise Malformed("the activations are no object")
    return {path: decode(Activations, f) for path, f in value.items()}


def _roundings(value: Json) -> dict[str, dict[str, Activations]]:
    if not isinstance(value, dict) or not value.keys() <= SIDES.keys():
        raise Malformed("the roundings are no object of properties")
    return {property: _activations(found) for property, found in value.items()}


def _arithmetic(value: Json) -> dict[str, Any]:
    if value is None:
        return {}
    arithmetic, functions = pair(value)
    if arithmetic != Arithmetic.INTEGER:
        raise Malformed(f"`{str(arithmetic)[:40]}` is no arithmetic of a file")
    return {"arithmetic": Arithmetic.INTEGER, "functions": decode(Functions, functions)}


def _texts(value: Json) -> dict[str, str]:
    if not isinstance(value, dict):
        raise Malformed("the ties are no object")
    return {alias: scalar(str, owner) for alias, owner in value.items()}
