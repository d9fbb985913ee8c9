"""Answers `why PATH`: every rule that matched, which won, and what it costs."""

from typing import Any

from qdsl.diagnostic.model import QdslError, error
from qdsl.diagnostic.suggest import suggestion
from qdsl.ir.model import Storage, join
from qdsl.record import record
from qdsl.sema.policy import Claim
from qdsl.source import Span
from qdsl.spec import Variant


@record
class Matched:
    """A rule's word on one property, in the order of the policy."""

    rule: str
    value: str
    place: Span
    wins: bool


@record
class Answer:
    """What a path is, and by which rules; `owner` is another path where it is tied."""

    path: str
    owner: str
    kind: str
    shape: tuple[int, ...]
    format: str
    total_bytes: int
    made: Span
    properties: tuple[tuple[str, tuple[Matched, ...]], ...]

    def to_json(self) -> dict[str, Any]:
        """Stable keys; places are file, line and column."""
        return {
            "path": self.path,
            "owner": self.owner,
            "kind": self.kind,
            "shape": list(self.shape),
            "format": self.format,
            "total_bytes": self.total_bytes,
            "made": place_json(self.made),
            "properties": {
                name: [
                    {"rule": m.rule, "value": m.value, "wins": m.wins, "place": place_json(m.place)}
                    for m in matched
                ]
                for name, matched in self.properties
            },
        }


def place_json(span: Span) -> dict[str, Any]:
    location = span.location
    return {"file": span.source.name, "line": location.line, "column": location.column}


def why(variant: Variant, path: str) -> Answer:
    """The answer for a weight, or for a layer with one; raises QdslError for an unknown path."""
    owner, storage = _storage(variant, path)
    claims = variant.resolved.claims
    found = [*claims.of(owner), *claims.of(storage.module_path)]
    report = variant.size()
    row = next((r for r in report.rows if r.path == owner), None)
    return Answer(
        path=path,
        owner=owner,
        kind=storage.kind,
        shape=storage.parameter.shape,
        format=str(storage.format),
        total_bytes=row.total_bytes if row else 0,
        made=storage.parameter.span,
        properties=tuple((name, _matched(c)) for name, c in found),
    )


def _storage(variant: Variant, path: str) -> tuple[str, Storage]:
    storages = {s.path: s for s in variant.source.storages}
    for candidate in (path, join(path, "weight")):
        owner = variant.source.ties.get(candidate, candidate)
        if owner in storages:
            return owner, storages[owner]
    below = [p for p in storages if p.startswith(path + ".")]
    message = f"no weight `{path}` in `{variant.label}`"
    help = suggestion(path, [*storages, *variant.source.ties])
    if below:
        named = ", ".join(f"`{p}`" for p in below[:4]) + (", …" if len(below) > 4 else "")
        is_layer = dict(variant.source.root.walk())[path].is_layer
        help = f"it {'has no `weight`' if is_layer else 'is a block'}: name one of {named}"
    raise QdslError([error("Q101", message, help=help)])


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


def why_text(answer: Answer) -> str:
    """The answer for people."""
    shape = " x ".join(str(n) for n in answer.shape)
    lines = [f"{answer.path}: {answer.kind} [{shape}], {answer.format}, {answer.total_bytes:,} B"]
    if answer.owner not in (answer.path, join(answer.path, "weight")):
        lines.append(f"  tied: its bytes stand under {answer.owner}")
    made = answer.made
    lines.append(f"  made at {made.source.name}:{made.location.line}: {_first_line(made)}")
    for name, matched in answer.properties:
        lines.append(f"  {name}")
        for m in matched:
            mark = "->" if m.wins else "  "
            place = f"{m.place.source.name}:{m.place.location.line}"
            lines.append(f"   {mark} {place}  {m.rule} {{ {name} = {m.value} }}")
    if not answer.properties:
        lines.append("  no rule matches it: f32 unless a rule says otherwise")
    return "\n".join(lines)


def _first_line(span: Span) -> str:
    return span.source.line(span.location.line).strip()
