"""Writes a model as canonical ASCII JSON: equal parts once, in tables that the others number.

Spans are left out, so that neither a comment nor a line break of a spec changes a byte. Reading is
in `artifact/model_reader.py`, the format of each table in docs/artifact.md.
"""

import json
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby

from qdsl.artifact.codec import Json, encode, encode_dim
from qdsl.artifact.runs import fold
from qdsl.ir.format import Activations, WeightFormat
from qdsl.ir.model import (
    Arithmetic,
    Body,
    Entry,
    Invoke,
    Model,
    Module,
    Node,
    Parameter,
    Storage,
    TensorType,
)


def model_to_json(model: Model) -> str:
    """The text that the artifact holds; equal models give equal texts."""
    return canonical(_structure(model.root, model.entries).fork().model(model))


@lru_cache(maxsize=2)
def _structure(root: Module, entries: tuple[Entry, ...]) -> "_Writer":
    """The tables of a model's structure: variants of one model differ in their storages alone."""
    return _Writer(root, entries)


def canonical(value: Json) -> str:
    """JSON in ASCII, keys sorted, no spaces; raises ValueError for a float that JSON lacks."""
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(slots=True)
class _Table:
    """Rows without repetition; a row is known by its text, which `repr` writes fastest."""

    rows: list[Json] = field(default_factory=list)
    _numbers: dict[str, int] = field(default_factory=dict)

    def fork(self) -> "_Table":
        return _Table(list(self.rows), dict(self._numbers))

    def number(self, row: Json) -> int:
        text = repr(row)
        if text not in self._numbers:
            self._numbers[text] = len(self.rows)
            self.rows.append(row)
        return self._numbers[text]


class _Writer:
    """Fills the tables on the way; a memo by identity keeps most parts to one visit."""

    def __init__(self, root: Module, entries: tuple[Entry, ...]) -> None:
        names = ("types", "bodies", "parameters", "modules", "formats")
        self._tables = {name: _Table() for name in names}
        self._memo: dict[int, int] = {}  # the model keeps all of them alive
        self._root = self._module(root)
        self._entries = [self._entry(e) for e in entries]

    def fork(self) -> "_Writer":
        """A writer that goes on from here and leaves this one as it is."""
        forked = copy(self)
        forked._tables = {name: table.fork() for name, table in self._tables.items()}
        forked._memo = dict(self._memo)
        return forked

    def model(self, model: Model) -> Json:
        root, entries = self._root, self._entries
        storages = self._storages(model.storages)
        return {
            "name": model.name,
            "root": root,
            "entries": entries,
            "storages": storages,
            "ties": dict(model.ties),
            "activations": {p: _activation(f) for p, f in model.activations.items()},
            "states": {p: _activation(f) for p, f in model.states.items()},
            "folds": [[f.norm, f.into] for f in model.folds],
            **_roundings(model),
            **_arithmetic(model),
            **{name: table.rows for name, table in self._tables.items()},
        }

    def _type(self, type: TensorType) -> int:
        if (number := self._memo.get(id(type))) is None:
            row = [type.dtype, [encode_dim(d) for d in type.shape]]
            number = self._memo[id(type)] = self._tables["types"].number(row)
        return number

    def _parameter(self, p: Parameter) -> int:
        if (number := self._memo.get(id(p))) is None:
            row = [p.name, list(p.shape), p.role.value, p.init, p.rows]
            number = self._memo[id(p)] = self._tables["parameters"].number(row)
        return number

    def _format(self, format: WeightFormat) -> int:
        if (number := self._memo.get(id(format))) is None:
            number = self._memo[id(format)] = self._tables["formats"].number(encode(format))
        return number

    def _module(self, module: Module) -> int:
        if id(module) not in self._memo:
            parameters = [self._parameter(p) for p in module.parameters]
            members = [[n, self._member(m)] for n, m in module.members.items()]
            row = [module.kind, module.is_layer, parameters, members]
            self._memo[id(module)] = self._tables["modules"].number(row)
        return self._memo[id(module)]

    def _member(self, member: Module | tuple[Module, ...]) -> Json:
        """A module's number; for a list, runs [number, count]."""
        if isinstance(member, Module):
            return self._module(member)
        numbers = (self._module(m) for m in member)
        return [[number, len(list(run))] for number, run in groupby(numbers)]

    def _body(self, body: Body) -> int:
        if id(body) not in self._memo:
            number = {value: i for i, value in enumerate(_values(body))}
            inputs = [self._type(t) for t in body.inputs]
            steps = [self._step(s, [number[i] for i in s.inputs]) for s in body.steps]
            row = [body.function, inputs, steps, [number[o] for o in body.outputs]]
            self._memo[id(body)] = self._tables["bodies"].number(row)
        return self._memo[id(body)]

    def _step(self, step: Node | Invoke, inputs: list[int]) -> Json:
        """[body, member, inputs], or [operation, inputs, types of results, parameters, name]."""
        match step:
            case Invoke():
                return [self._body(step.body), step.member, inputs]
            case Node():
                types = [self._type(t) for t in step.types]
                row = [encode(step.op), inputs, types, list(step.parameters), step.name]
                while not row[-1] and len(row) > 3:
                    row.pop()
                return row

    def _entry(self, entry: Entry) -> Json:
        inputs = [[i.name, self._type(i.type), i.zeros] for i in entry.inputs]
        return [entry.name, inputs, [self._type(t) for t in entry.results], self._body(entry.body)]

    def _storages(self, storages: tuple[Storage, ...]) -> Json:
        """Rows [kind, parameter, format, trainable, runs of paths]."""
        classes: dict[tuple[str, int, int, bool], list[str]] = {}
        for s in storages:
            key = (s.kind, self._parameter(s.parameter), self._format(s.format), s.trainable)
            classes.setdefault(key, []).append(s.path)
        return [[*key, fold(paths)] for key, paths in classes.items()]


def _values(body: Body) -> Iterator[int]:
    """Value numbers in the order in which the values come to be, which is how they are written."""
    yield from range(len(body.inputs))
    for step in body.steps:
        yield from step.outputs


def _activation(format: Activations) -> Json:
    return encode(format)


def _roundings(model: Model) -> dict[str, Json]:
    """Left out where there are none, as before there were any."""
    found = {
        name: {p: _activation(f) for p, f in paths.items()}
        for name, paths in model.roundings.items()
    }
    return {"roundings": found} if found else {}


def _arithmetic(model: Model) -> dict[str, Json]:
    """Left out where it is float, as before there was another."""
    if model.arithmetic is Arithmetic.FLOAT:
        return {}
    return {"arithmetic": [model.arithmetic.value, model.functions.value]}
