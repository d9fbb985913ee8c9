"""Proposes what stands in a policy: paths of the real modules, properties, formats."""

import re
from collections.abc import Iterable, Iterator, Sequence

from qdsl.ir.model import Module
from qdsl.lsp.complete.cursor import Cursor, Frame
from qdsl.lsp.complete.proposal import (
    Proposal,
    Proposals,
    Sort,
    formats,
    option_values,
    options,
    words,
)
from qdsl.lsp.weights import Weights
from qdsl.sema.policy import MODEL_PROPERTIES, PROPERTIES
from qdsl.sema.scope import FileScope
from qdsl.sema.selector import glob_fits
from qdsl.size.quantity import bytes_text

RULES = ("default", "optional")


def proposals(cursor: Cursor, scope: FileScope, depth: int, models: Sequence[Weights]) -> Proposals:
    """What could stand at the cursor; `depth` is the index of the frame of the rules."""
    inner = cursor.frames[depth + 1 :]
    if not inner or (inner[-1].sign == "[" or _is_alternatives(inner[0])):
        return _path(cursor, models, first=_begins(cursor))
    if inner[-1].sign == "(":
        return _format(cursor, inner[-1], scope)
    if cursor.last == "=":
        if cursor.back(2) == "trainable":
            return words(("true", "false"), Sort.VALUE)
        if cursor.back(2) in MODEL_PROPERTIES:
            return words(MODEL_PROPERTIES[cursor.back(2)], Sort.VALUE)
        return formats(scope)
    if cursor.last.isdigit() or cursor.last == ")" or not _begins(cursor):
        return words(("sparse", *PROPERTIES), Sort.PROPERTY)
    return words(PROPERTIES, Sort.PROPERTY, "property")


def _is_alternatives(frame: Frame) -> bool:
    """`a.{b, c}`: behind a whole path stand properties."""
    return bool(frame.head) and frame.head[-1].text == "."


def _begins(cursor: Cursor) -> bool:
    line = cursor.text.rpartition("\n")[2].removesuffix(cursor.word)
    return not line.strip() or cursor.last in ("", ";", "}")


def _format(cursor: Cursor, frame: Frame, scope: FileScope) -> Proposals:
    """Options of the format whose brackets are open, and their values."""
    name = frame.head[-1].text if frame.head else ""
    if name == "any":
        return formats(scope)
    if cursor.last == "=":
        return option_values(name, cursor.back(2), scope)
    return options(name, scope, (t.text for t in frame.inside))


def value(cursor: Cursor, scope: FileScope) -> Proposals:
    """In the brackets of a format that a `format` item defines."""
    return _format(cursor, cursor.frames[-1], scope)


# ---- paths -------------------------------------------------------------------------------------


def _path(cursor: Cursor, models: Sequence[Weights], *, first: bool) -> Proposals:
    """The next segment of a path, from the modules of the models that the rules are about."""
    before = cursor.path[: len(cursor.path) - len(cursor.word)].rstrip(" ")
    if before.endswith(":"):
        return words(_kinds(models), Sort.BLOCK, "kind")
    if before and not before.endswith((".", "{", ",")):
        return iter(())
    return _segments(before, models, first and not before)


def paths(cursor: Cursor, models: Sequence[Weights]) -> Proposals:
    """The next segment of the path in a limit of a budget."""
    return _path(cursor, models, first=False)


def _segments(before: str, models: Sequence[Weights], first: bool) -> Proposals:
    seen: set[str] = set()
    for weights in models:
        roots = [("", weights.variant.source.root)]
        for path, module in _reached(before, roots):
            for proposal in _below(path, module, weights):
                if proposal.text not in seen:
                    seen.add(proposal.text)
                    yield proposal
    yield Proposal("**", Sort.KEYWORD, "any number of segments")
    yield Proposal("*", Sort.KEYWORD, "any one segment")
    if first:
        yield from words(RULES, Sort.KEYWORD)


def _below(path: str, module: Module, weights: Weights) -> Proposals:
    """Members and weights of a module, with what they weigh."""
    prefix = f"{path}." if path else ""
    for name, member in module.members.items():
        size = bytes_text(weights.total(prefix + name))
        if isinstance(member, Module):
            yield Proposal(name, Sort.MEMBER, f"{member.kind}, {size}")
        else:
            kind = member[0].kind if member else "nothing"
            detail = f"{len(member)} × {kind}, {size}"
            yield Proposal(name, Sort.MEMBER, detail, f"{name}[*]")
    for parameter in module.parameters:
        shape = " × ".join(map(str, parameter.shape))
        yield Proposal(parameter.name, Sort.MEMBER, f"{parameter.role} {shape}")


def _kinds(models: Iterable[Weights]) -> list[str]:
    """Kinds of all layers and blocks of the models."""
    kinds = (m.kind for w in models for p, m in w.variant.source.root.walk() if p)
    return sorted(set(kinds))


def _reached(before: str, modules: Sequence[tuple[str, Module]]) -> Sequence[tuple[str, Module]]:
    """The modules that a path leads to, each distinct one once."""
    *segments, _ = re.split(r"\.(?![^{]*\})", re.sub(r"\{[^{}]*$", "", before))
    for segment in segments:
        found = {id(m): (p, m) for p, m in _step(segment, modules)}
        modules = list(found.values())
    return modules


def _step(segment: str, modules: Sequence[tuple[str, Module]]) -> Iterator[tuple[str, Module]]:
    if segment == "**":
        for path, module in modules:
            yield from module.walk(path)
        return
    globs = re.sub(r"\[[^\]]*\]?$", "", segment).strip("{}").split(",")
    for path, module in modules:
        prefix = f"{path}." if path else ""
        for name, member in module.members.items():
            if any(glob_fits(glob.strip(), name) for glob in globs):
                if isinstance(member, Module):
                    yield prefix + name, member
                else:
                    yield from ((f"{prefix}{name}[{i}]", m) for i, m in enumerate(member))
