"""Writes what is known of a symbol, as Markdown."""

from collections.abc import Callable, Iterable, Iterator

from qdsl.ir.model import Body, Invoke, Node, TensorType, join
from qdsl.lsp.symbol import Kind, Symbol
from qdsl.lsp.view import View
from qdsl.size.folding import Line, folded
from qdsl.size.quantity import bytes_text, exact_bytes
from qdsl.spec import Variant
from qdsl.syntax import tree

Explain = Callable[[str], str | None]

VARIANTS, LINES = 3, 8  # shown of each


def about(symbol: Symbol, view: View, explain: Explain) -> str | None:
    """What a hover shows; None where nothing is known."""
    if symbol.kind is Kind.WORD:
        return explain(symbol.name)
    parts = [code(signature(symbol)), documentation(symbol), *_measured(symbol, view)]
    place = view.definition(symbol)
    if place and place.path != view.document.path:
        parts.append(f"from `{view.document.files.name(place.path)}`")
    return "\n\n".join(part for part in parts if part)


def code(text: str) -> str:
    return f"```qspec\n{text}\n```" if text else ""


def documentation(symbol: Symbol) -> str:
    """The `##` comments above the definition."""
    doc = getattr(symbol.node, "doc", "")
    return doc if isinstance(doc, str) else ""


def signature(symbol: Symbol) -> str:
    """How the symbol is declared, without what stands in its braces."""
    match symbol.node:
        case tree.Block() as block:
            return _until_brace(block.span.text)
        case tree.Function() as function:
            return _until_brace(function.span.text)
        case tree.Policy() | tree.Budget() | tree.Recipe() | tree.Target() | tree.Variant() as item:
            return _until_brace(item.span.text)
        case tree.Stage() as stage:
            return stage.span.text
        case tree.Name():
            return f"{symbol.kind} {symbol.name}"
        case tree.Parameter() as parameter:
            return f"{parameter.span.text}  # parameter of {_owner(symbol)}"
        case tree.Input() as given:
            return f"{given.span.text}  # input"
        case None:
            return symbol.name
        case node:
            return node.span.text


def _until_brace(text: str) -> str:
    """A head may have no braces of its own: `where` and types have none."""
    return text.partition("{")[0].rstrip()


def _owner(symbol: Symbol) -> str:
    return symbol.owner.name.text if isinstance(symbol.owner, tree.Block) else ""


# ---- bytes -------------------------------------------------------------------------------------


def _measured(symbol: Symbol, view: View) -> Iterator[str]:
    match symbol.node:
        case tree.Variant():
            for name, weights in view.document.weighed(symbol.name):
                if name == symbol.name:
                    yield _whole(weights.variant)
        case tree.Block(is_model=True) as model:
            found = [(n, w) for n, w in view.document.weighed() if "" in w.places(model)]
            yield "\n".join(f"- `{n}`: {_total(w.variant)}" for n, w in found[:LINES])
        case tree.Name() if symbol.kind is Kind.LOCAL:
            yield from _types(symbol, view)
        case tree.Member() | tree.ParameterMember():
            assert isinstance(symbol.owner, tree.Block)
            yield from _member(symbol.owner, symbol.name, view)


def _types(symbol: Symbol, view: View) -> Iterator[str]:
    """The types that a local value has in the variants, as the calls of its function make them."""
    found: dict[str, None] = {}
    for _, weights in view.document.weighed(most=VARIANTS):
        bodies = [entry.body for entry in weights.variant.source.entries]
        found |= dict.fromkeys(str(t) for t in values(bodies, symbol))
    lines = [f"{symbol.name}: {text}" for text in found]
    yield code("\n".join(lines[:LINES]))


def values(bodies: Iterable[Body], symbol: Symbol) -> Iterator[TensorType]:
    """The type of the value of that name, in every body made of the text it stands in."""
    left, seen = list(bodies), set[Body]()
    while left:
        if (body := left.pop()) in seen:
            continue
        seen.add(body)
        left += (step.body for step in body.steps if isinstance(step, Invoke))
        name = f"{body.function}.{symbol.name}"
        own = [s for s in body.steps if isinstance(s, Node) and s.name == name]
        # of a statement's operations the last gives the value
        if own and symbol.span and own[-1].span.source is symbol.span.source:
            yield own[-1].types[0]


def _total(variant: Variant) -> str:
    interval = variant.interval()
    least, most = interval.least.total_bytes, interval.most.total_bytes
    return exact_bytes(most) if least == most else f"{exact_bytes(least)} … {exact_bytes(most)}"


def _whole(variant: Variant) -> str:
    report = variant.interval().most
    lines = [f"**{_total(variant)}**, {report.params:,} parameters"]
    for judged in variant.judged_interval():
        outcome = judged.most.outcome
        if outcome:
            lines.append(
                f"- {'held' if judged.possible else 'missed'}: `{judged.most.line.span.text}`"
            )
    return "\n".join(lines)


def _member(block: tree.Block, name: str, view: View) -> Iterator[str]:
    """Its storages in the variants, with the rules that gave them their formats."""
    found = [(v, w) for v, w in view.document.weighed(most=VARIANTS) if w.places(block)]
    for variant, weights in found[:VARIANTS]:
        paths = [join(path, name) for path in weights.places(block)]
        lines = folded(weights.rows(paths))
        total = sum(line.total_bytes for line in lines)
        many = f", {len(paths)} places" if len(paths) > 1 else ""
        yield f"**`{variant}`**: {exact_bytes(total)}{many}"
        if lines:
            yield _table(lines, weights.variant)


def _table(lines: Iterable[Line], variant: Variant) -> str:
    lines = list(lines)
    rows = ["| weight | shape | format | bytes | rule |", "|---|---|---|---:|---|"]
    for line in lines[:LINES]:
        row = line.row
        shape = " × ".join(map(str, row.shape))
        times = f"{line.count} × " if line.count > 1 else ""
        size = f"{times}{bytes_text(row.total_bytes)}"
        rule = _rule(variant, row.path)
        rows.append(f"| `{line.path}` | {shape} | {row.format} | {size} | {rule} |")
    if len(lines) > LINES:
        rows.append(f"| and {len(lines) - LINES} more | | | | |")
    return "\n".join(rows)


def _rule(variant: Variant, path: str) -> str:
    """The rule that won for a storage, as it is written."""
    claims = variant.resolved.claims
    owner = variant.source.ties.get(path, path)
    for property in ("weights", "bias", "norm"):
        if claim := claims.winner(property, owner):
            selector = claim.rule.selector.span.text if claim.rule.selector else "default"
            return f"`{selector}`"
    return ""
