"""Renames symbols, and proves that the renamed files mean what they meant."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from qdsl.diagnostic.model import Diagnostic
from qdsl.lsp.files import Files, Place
from qdsl.lsp.request import Refused
from qdsl.lsp.session import Session
from qdsl.lsp.symbol import Kind, Symbol
from qdsl.lsp.view import Named, View
from qdsl.lsp.workspace import everywhere
from qdsl.sema.compile import Compiled, compile_file
from qdsl.sema.files import STD
from qdsl.sema.memory import Memory

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
RESERVED = frozenset("and as each else false for if in is none not or repeat return true _".split())

Edits = Mapping[Path, Sequence[Place]]


def renamed_at(view: View, offset: int) -> Named:
    """The name at a place; raises Refused where it cannot be renamed."""
    named = view.at(offset)
    if named is None:
        raise Refused("there is no name here that could be renamed")
    name, kind = named.symbol.name, named.symbol.kind
    if kind is Kind.WORD:
        raise Refused(f"`{name}` is a word of the language")
    if kind is Kind.MODULE:
        raise Refused(f"`{name}` is a file: rename the file, then the import")
    if kind is Kind.FUNCTION and name == "forward":
        raise Refused("`forward` is a word of the language: calling the member calls it")
    place = view.definition(named.symbol)
    if place and place.path.parent == STD:
        raise Refused(f"`{name}` belongs to the standard library (std/{place.path.name})")
    return named


def edits(session: Session, view: View, symbol: Symbol, name: str) -> Edits:
    """The places to write the new name at, by file; raises Refused."""
    if not NAME.fullmatch(name) or name in RESERVED:
        raise Refused(f"`{name}` is not a name: letters, digits and `_`, and no reserved word")
    found: dict[Path, list[Place]] = {}
    for other in everywhere(session, view, symbol):
        places = [n.place for n in other.of(symbol)]
        wanted = frozenset(places)
        for named in other.names():
            if named.place in wanted and named.symbol != symbol:
                text = session.location(named.place).range.start.line + 1
                what = f"`{named.symbol.name}` of `{_owner(named.symbol)}`"
                raise Refused(f"line {text} of {other.document.path.name} also names {what}")
        if places:
            found[other.document.path] = places
    return found


def check(session: Session, edits: Edits, name: str) -> None:
    """Compiles the files as they will be; raises Refused where they would mean something else."""
    after = Files(dict(session.files.buffers))
    for path, places in edits.items():
        text = after.text(path) or ""
        for place in reversed(places):
            text = text[: place.start] + name + text[place.end :]
        after.buffers[path] = text
    for path in edits:
        old, new = _compiled(session.files, path), _compiled(after, path)
        if wrong := _new_error(old, new):
            raise Refused(f"with the name `{name}`: {wrong.message}")
        if old.ok and _storages(old) != _storages(new):
            raise Refused(f"with the name `{name}` other rules of a policy would match")


def _compiled(files: Files, path: Path) -> Compiled:
    return compile_file(path, path.name, files.read, Memory(files.parse))


def _new_error(old: Compiled, new: Compiled) -> Diagnostic | None:
    """An error of `new` that `old` has not as often."""
    codes = [d.code for d in old.diagnostics if d.is_error]
    for d in new.diagnostics:
        if d.is_error and d.code not in codes:
            return d
        if d.is_error:
            codes.remove(d.code)
    return None


def _storages(compiled: Compiled) -> list[object]:
    """What a renamed member must not change: shape and format of every weight, in order."""
    return [
        [(s.parameter.shape, s.format, s.trainable) for s in v.model.storages]
        for v in compiled.variants.values()
    ]


def _owner(symbol: Symbol) -> str:
    name = getattr(symbol.owner, "name", None)
    return name.text if name else "the file"
