"""Answers `why PATH`: what a path is, every rule that matched it, which won, and what it costs."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from qdsl.diagnostic.model import QdslError, error
from qdsl.diagnostic.suggest import suggestion
from qdsl.ir.flat import graphs
from qdsl.ir.model import Module, Node, Storage, join
from qdsl.ir.text import format_text
from qdsl.ir.text_body import op_name
from qdsl.record import record
from qdsl.sema.policy import LAYER_PROPERTIES, STORAGE_PROPERTIES, VALUE_PROPERTIES, Claim
from qdsl.sema.sites import Site
from qdsl.source import Span
from qdsl.spec import Variant


@record
class Matched:
    """A rule's word on one property, in the order of the policy."""

    rule: str
    value: str
    place: Span
    wins: bool


Properties = tuple[tuple[str, tuple[Matched, ...]], ...]


@record
class Answer:
    """What a path is, and by which rules.

    what: weight, layer, block, repeat or value. kind: of the layer (a weight's too) or block, or
    the operation that makes a value. owner: another path where it is tied. shape and format are a
    weight's, type a value's. properties: those it has, without a rule where none matched. below:
    the weights of a layer, block or repeat.
    """

    path: str
    what: str
    owner: str
    kind: str
    shape: tuple[int, ...] | None
    format: str | None
    type: str | None
    total_bytes: int
    made: Span
    properties: Properties
    below: "tuple[Answer, ...]" = ()

    def to_json(self) -> dict[str, Any]:
        """Stable keys; places are file, line and column."""
        return {
            "path": self.path,
            "what": self.what,
            "owner": self.owner,
            "kind": self.kind,
            "shape": None if self.shape is None else list(self.shape),
            "format": self.format,
            "type": self.type,
            "total_bytes": self.total_bytes,
            "made": place_json(self.made),
            "properties": {
                name: [
                    {"rule": m.rule, "value": m.value, "wins": m.wins, "place": place_json(m.place)}
                    for m in matched
                ]
                for name, matched in self.properties
            },
            "below": [answer.to_json() for answer in self.below],
        }


def place_json(span: Span) -> dict[str, Any]:
    location = span.location
    return {"file": span.source.name, "line": location.line, "column": location.column}


def why(variant: Variant, path: str) -> Answer:
    """The answer for a weight, layer, block, repeat or named value.

    Raises QdslError (Q101) for a path of none of them.
    """
    return _Question(variant).answer(path)


class _Question:
    """One variant, by path."""

    def __init__(self, variant: Variant) -> None:
        self.variant = variant
        self.source = variant.source
        self.claims = variant.resolved.claims

    @cached_property
    def storages(self) -> Mapping[str, Storage]:
        return {s.path: s for s in self.source.storages}

    @cached_property
    def modules(self) -> Mapping[str, Module]:
        return dict(self.source.root.walk())

    @cached_property
    def total_bytes(self) -> Mapping[str, int]:
        """Bytes by path; of the largest choice where formats are open."""
        variant = self.variant
        report = variant.interval().most if variant.open else variant.size()
        return {row.path: row.total_bytes for row in report.rows}

    @cached_property
    def values(self) -> Mapping[str, list[Node]]:
        """Named values by `instance.function.name`, with all that is computed for each."""
        found: dict[str, list[Node]] = {}
        for flat in (n for g in graphs(self.source) for n in g.nodes if n.node.name):
            found.setdefault(join(flat.path, flat.node.name), []).append(flat.node)
        return found

    def answer(self, path: str) -> Answer:
        if self.source.ties.get(path, path) in self.storages:
            return self._weight(path)
        if path and path in self.modules:
            return self._module(path, self.modules[path])
        if first := self.modules.get(f"{path}[0]"):
            return self._above(path, "repeat", first.kind, self.source.root.place(path), ())
        if value := self._value(path):
            return value
        known = [*self.storages, *self.source.ties, *filter(None, self.modules), *self.values]
        message = f"no weight, layer, block or value `{path}` in `{self.variant.label}`"
        raise QdslError([error("Q101", message, help=suggestion(path, known))])

    def _weight(self, path: str) -> Answer:
        owner = self.source.ties.get(path, path)
        storage = self.storages[owner]
        role = storage.parameter.role
        names = [name for name, roles in STORAGE_PROPERTIES.items() if role in roles]
        return Answer(
            path=path,
            what="weight",
            owner=owner,
            kind=storage.kind,
            shape=storage.parameter.shape,
            format=format_text(storage),
            type=None,
            total_bytes=self.total_bytes.get(owner, 0),
            made=storage.place,
            properties=self._properties(names, owner),
        )

    def _module(self, path: str, module: Module) -> Answer:
        names = [name for name, kinds in LAYER_PROPERTIES.items() if module.kind in kinds]
        own = self._properties([*names, "output"] if module.is_layer else [], path)
        what = "layer" if module.is_layer else "block"
        return self._above(path, what, module.kind, self.source.root.place(path), own)

    def _above(self, path: str, what: str, kind: str, made: Span, properties: Properties) -> Answer:
        below = tuple(self._weight(p) for p in self._weights_below(path))
        return Answer(
            path=path,
            what=what,
            owner=path,
            kind=kind,
            shape=None,
            format=None,
            type=None,
            total_bytes=sum(a.total_bytes for a in below if a.path == a.owner),
            made=made,
            properties=properties,
            below=below,
        )

    def _weights_below(self, path: str) -> Iterator[str]:
        for below, module in self.modules.items():
            if below == path or below.startswith((f"{path}.", f"{path}[")):
                for parameter in module.parameters:
                    name = join(below, parameter.name)
                    if self.source.ties.get(name, name) in self.storages:
                        yield name

    def _value(self, path: str) -> Answer | None:
        """A value by `instance.function.name`, or by `instance.name` in whichever function."""
        short = (p for p in self.values if _short(p) == path)
        full = path if path in self.values else next(short, None)
        if full is None:
            return None
        nodes = self.values[full]
        node = nodes[-1]
        site = Site("", "", tuple(n.op for n in nodes), node.types[0].dtype)
        names = [name for name in VALUE_PROPERTIES if site.has(name)]
        return Answer(
            path=path,
            what="value",
            owner=full,
            kind=op_name(node.op),
            shape=None,
            format=None,
            type=str(node.types[0]),
            total_bytes=0,
            made=node.span,
            properties=self._properties(names, full),
        )

    def _properties(self, names: list[str], path: str) -> Properties:
        """Of those names and of all that rules gave to the path."""
        given = dict(self.claims.of(path)) if path not in self.storages else {}
        wanted = dict.fromkeys((*names, *given))
        return tuple((n, _matched(self.claims.found.get((n, path), []))) for n in wanted)


def _short(path: str) -> str:
    """`encoder.forward.x` as `encoder.x`."""
    rest, _, name = path.rpartition(".")
    return join(rest.rpartition(".")[0], name)


def _matched(claims: list[Claim]) -> tuple[Matched, ...]:
    # a rule that matches a tied weight by several of its names claims it once
    once = {id(c.property): c for c in claims}.values()
    return tuple(
        Matched(
            rule=c.rule.selector.span.text if c.rule.selector else "default",
            value=c.property.value.span.text,
            place=c.property.span,
            wins=c.property is claims[-1].property,
        )
        for c in once
    )
