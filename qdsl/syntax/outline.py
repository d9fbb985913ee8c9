"""Writes a syntax tree as indented text: a line for each node, with its place."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from qdsl.source import Span
from qdsl.syntax import tree

_HIDDEN = frozenset(("span", "doc", "comments", "source"))


def outline(file: tree.File) -> str:
    """The tree of a file: `Kind word=… @line:column`, and what it consists of below it."""
    lines = [f"File {file.source.name} edition={file.edition}"]
    for item in file.items:
        lines += _node(item, "", "  ")
    return "\n".join(lines) + "\n"


def _node(node: object, label: str, indent: str) -> Iterator[str]:
    values = {f.name: getattr(node, f.name) for f in fields(node)}  # type: ignore[arg-type]
    # what is false is what nobody wrote, but for the word itself
    quiet = False if not isinstance(node, tree.Boolean) else None
    shown = {n: _word(v) for n, v in values.items() if n not in _HIDDEN and v is not quiet}
    words = [f"{n}={_joined(n, text)}" for n, text in shown.items() if text]
    place = _place(values.get("span"))
    yield indent + " ".join((f"{label}{type(node).__name__}", *words, *place))
    for name, value in values.items():
        if name not in _HIDDEN and not _word(value):
            yield from _children(name, value, indent + "  ")


def _children(name: str, value: object, indent: str) -> Iterator[str]:
    match value:
        case () | None | False:
            return
        case tuple():
            yield f"{indent}{name}"
            for child in value:
                yield from _element(child, indent + "  ")
        case _:
            yield from _node(value, f"{name}: ", indent)


def _element(value: object, indent: str) -> Iterator[str]:
    if word := _word(value):
        yield indent + word
    elif isinstance(value, tuple):
        for child in value:
            yield from _element(child, indent)
    elif is_dataclass(value):
        yield from _node(value, "", indent)


def _word(value: object) -> str:
    """What fits behind `name=`; empty for what takes lines of its own, or says nothing."""
    match value:
        case tree.Name(text=text):
            return text
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case str():
            return value if value.isidentifier() else repr(value)
        case tuple() if value and all(isinstance(v, tree.Name) for v in value):
            return ",".join(v.text for v in value)
        case _:
            return ""


def _joined(field: str, text: str) -> str:
    """Names of a dotted path with dots, others with commas."""
    return text.replace(",", ".") if field in ("module", "path") else text


def _place(span: object) -> tuple[str, ...]:
    if not isinstance(span, Span):
        return ()
    return (f"@{span.location.line}:{span.location.column}",)
