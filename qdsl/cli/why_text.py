"""Writes the answer of `why` as text: rules under each property, a table of what lies below."""

from collections.abc import Iterator

from qdsl.cli.folding import folded
from qdsl.size.quantity import exact_bytes
from qdsl.size.table import table
from qdsl.source import Span
from qdsl.why import Answer, Matched, Properties


def why_text(answer: Answer) -> str:
    """The answer for people."""
    made = f"  made at {_place(answer.made)}: {_first_line(answer.made)}"
    lines = [_head(answer), made, *_properties(answer.properties, "  ")]
    if answer.what == "layer":
        for weight in answer.below:
            name = weight.path.removeprefix(answer.path + ".")
            lines += [f"  {name}: {_facts(weight)}", *_properties(weight.properties, "    ")]
    elif answer.below:
        lines += [f"  {line}" for line in _table(answer)]
    return "\n".join(lines)


def _head(answer: Answer) -> str:
    match answer.what:
        case "weight":
            return f"{answer.path}: {answer.kind} {_facts(answer)}"
        case "value":
            return f"{answer.path}: {answer.type}, which {answer.kind} gives"
        case "repeat":
            return f"{answer.path}: repeat of {answer.kind}, {exact_bytes(answer.total_bytes)}"
        case _:
            return f"{answer.path}: {answer.kind}, {exact_bytes(answer.total_bytes)}"


def _facts(weight: Answer) -> str:
    shape = " x ".join(map(str, weight.shape or ()))
    text = f"[{shape}], {weight.format}, {weight.total_bytes:,} B"
    return text if _is_own(weight) else f"{text}, tied: its bytes stand under {weight.owner}"


def _is_own(weight: Answer) -> bool:
    return weight.owner == weight.path


def _properties(properties: Properties, indent: str) -> Iterator[str]:
    for name, matched in properties:
        if not matched:
            if name != "trainable":  # true where nothing is said
                yield f"{indent}{name} = f32: no rule matches"
            continue
        yield f"{indent}{name}"
        for m in matched:
            mark = "->" if m.wins else "  "
            yield f"{indent} {mark} {_place(m.place)}  {m.rule} {{ {name} = {m.value} }}"


def _table(answer: Answer) -> list[str]:
    """A line for each weight below, runs of equal ones folded."""
    runs = folded({a.path: _cells(a) for a in answer.below})
    lines = [(cells[0], run, *cells[1:]) for run, cells in runs]
    return table([("bytes", "path", "kind", "format", "rule"), *lines], right=(0,))


def _cells(weight: Answer) -> tuple[str, ...]:
    if not _is_own(weight):
        return "0", weight.kind, f"that of {weight.owner}", _rule(weight)
    if weight.total_bytes == 0:  # folded into the layer before it
        return "0", weight.kind, "removed by a pass", ""
    return f"{weight.total_bytes:,}", weight.kind, weight.format or "", _rule(weight)


def _rule(weight: Answer) -> str:
    """The rule that gave the format."""
    winners = (m for name, all in weight.properties if name != "trainable" for m in all if m.wins)
    winner: Matched | None = next(winners, None)
    return f"{_place(winner.place)}  {winner.rule}" if winner else "no rule"


def _place(span: Span) -> str:
    return f"{span.source.name}:{span.location.line}"


def _first_line(span: Span) -> str:
    return span.source.line(span.location.line).strip()
