"""Defines a proposal, and lists those that many places share."""

from collections.abc import Iterable, Iterator
from enum import StrEnum

import qdsl.formats
from qdsl.formats._options import option_texts
from qdsl.ir.family import Family
from qdsl.record import record
from qdsl.registry import collect
from qdsl.sema.functions import table
from qdsl.sema.language import DTYPES, layer_kinds
from qdsl.sema.scope import FileScope
from qdsl.syntax import tree


class Sort(StrEnum):
    """What a proposal is; editors show a sign for it."""

    KEYWORD = "keyword"
    LAYER = "layer"
    BLOCK = "block"
    FORMAT = "format"
    FUNCTION = "function"
    MEMBER = "member"
    VALUE = "value"
    PARAMETER = "parameter"
    PROPERTY = "property"
    ITEM = "item"
    MODULE = "module"
    UNIT = "unit"


@record
class Proposal:
    """A word to write; `insert` where more than the word itself is written."""

    text: str
    sort: Sort
    detail: str = ""
    insert: str = ""
    doc: str = ""


Proposals = Iterator[Proposal]

RESERVED_VALUES = ("true", "false", "none")


def words(texts: Iterable[str], sort: Sort, detail: str = "") -> Proposals:
    return (Proposal(text, sort, detail) for text in texts)


def items(scope: FileScope, *kinds: type[tree.Item]) -> Proposals:
    """Items of the file, and imported ones."""
    for name, entry in scope.entries.items():
        if isinstance(entry.item, kinds):
            doc = getattr(entry.item, "doc", "")
            where = "" if entry.scope is scope else entry.scope.file.source.name
            sort = Sort.BLOCK if isinstance(entry.item, tree.Block) else Sort.ITEM
            yield Proposal(name, sort, where or type(entry.item).__name__.lower(), doc=doc)


def blocks(scope: FileScope, *, models: bool) -> Proposals:
    for proposal in items(scope, tree.Block):
        item = scope.entries[proposal.text].item
        if isinstance(item, tree.Block) and item.is_model == models:
            yield proposal


def layers() -> Proposals:
    for kind in layer_kinds():
        yield Proposal(kind.name, Sort.LAYER, "layer", doc=kind.layer.__doc__ or "")


def functions() -> Proposals:
    for name, function in table().items():
        yield Proposal(name, Sort.FUNCTION, "function", doc=function.doc)
    yield from words(("transpose", "len"), Sort.FUNCTION, "function")


def dtypes() -> Proposals:
    return words(DTYPES, Sort.FORMAT, "element type")


# ---- formats -----------------------------------------------------------------------------------


def formats(scope: FileScope) -> Proposals:
    """Number formats, and those that the file names."""
    yield from items(scope, tree.Format)
    for name, family in collect(qdsl.formats, Family).items():
        yield Proposal(name, Sort.FORMAT, "format", doc=family.doc)
    yield Proposal("any", Sort.FORMAT, "a choice of formats")


def options(format: str, scope: FileScope, given: Iterable[str]) -> Proposals:
    """Options and flags of a format that are not given yet."""
    if family := _family(format, scope):
        known = set(given)
        for option in option_texts(family):
            if option.name not in known:
                flag = option.values == "a flag"
                insert = option.name if flag else f"{option.name} = "
                yield Proposal(option.name, Sort.PARAMETER, option.values, insert, option.doc)


def option_values(format: str, option: str, scope: FileScope) -> Proposals:
    if family := _family(format, scope):
        for known in option_texts(family):
            if known.name == option:
                values = (v.strip() for v in known.values.split(","))
                yield from words((v for v in values if v.isidentifier()), Sort.VALUE, option)


def _family(name: str, scope: FileScope) -> Family | None:
    """The family of a format's name; of one that the file names, what it is made of."""
    entry = scope.entries.get(name)
    seen: set[int] = set()
    while entry and isinstance(entry.item, tree.Format) and id(entry.item) not in seen:
        seen.add(id(entry.item))
        value = entry.item.value
        while isinstance(value, tree.Sparse | tree.Call):
            value = value.value if isinstance(value, tree.Sparse) else value.callee
        name = value.text if isinstance(value, tree.Name) else ""
        entry = entry.scope.entries.get(name)
    return collect(qdsl.formats, Family).get(name)
