"""Looks at a document through its names: what stands at a place, and where a symbol is named."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from qdsl.lsp.document import Document
from qdsl.lsp.files import Place
from qdsl.lsp.index import FileIndex
from qdsl.lsp.symbol import Kind, Occurrence, Symbol
from qdsl.record import record
from qdsl.sema.context import Context
from qdsl.sema.files import Loader, import_root
from qdsl.sema.scope import FileScope
from qdsl.syntax import tree


@record
class Named:
    """An occurrence, and where it stands now."""

    place: Place
    occurrence: Occurrence

    @property
    def symbol(self) -> Symbol:
        return self.occurrence.symbol


@dataclass(eq=False)
class View:
    """The names of a document in its latest text, broken as it may be."""

    document: Document
    loader: Loader = field(init=False)
    scope: FileScope | None = field(init=False)

    def __post_init__(self) -> None:
        d = self.document
        root = import_root(d.path)
        self.loader = Loader(Context(), root, d.files.read, d.files.parse)
        self.scope = self.loader.load(d.path, d.path.name)

    def at(self, offset: int) -> Named | None:
        """The name at a place, or right before it."""
        item = self.item_at(offset)
        if item is None or self.scope is None:
            return None
        found = FileIndex(self.scope).item(item)
        touched = [n for n in self._placed(found) if n.place.start <= offset <= n.place.end]
        # of `a.b` with the cursor between, the name behind; of a path of a module, the whole
        return max(touched, key=lambda n: (n.place.start, n.symbol.span is not None), default=None)

    def item_at(self, offset: int) -> tree.Item | None:
        """The item that the place stands in."""
        for item in self.scope.file.items if self.scope else ():
            place = self.document.files.place(item.span)
            if place and place.start <= offset <= place.end:
                return item
        return None

    def names(self) -> Iterator[Named]:
        """Every name of the document."""
        if self.scope:
            yield from self._placed(FileIndex(self.scope).names())

    def of(self, symbol: Symbol) -> list[Named]:
        """Where the document names the symbol, in order, each place once."""
        found = {n.place: n for n in self.names() if n.symbol == symbol}
        return sorted(found.values(), key=lambda n: n.place.start)

    def definition(self, symbol: Symbol) -> Place | None:
        """Where the symbol is defined; None for words of the language."""
        if symbol.kind is Kind.MODULE:
            return self._module(symbol)
        if symbol.span is None:
            return None
        return self.document.files.place(symbol.span)

    def module(self, item: tree.Import) -> FileScope | None:
        """The names of a module that an import of this document names."""
        path = self.loader.path(item, self.document.path)
        return self.loader.load(path, path.name) if path and path.exists() else None

    def _module(self, symbol: Symbol) -> Place | None:
        assert isinstance(symbol.node, tree.Import)
        path = self.loader.path(symbol.node, self.document.path)
        return Place(path, 0, 0) if path and path.exists() else None

    def _placed(self, found: Iterator[Occurrence]) -> Iterator[Named]:
        for occurrence in found:
            place = self.document.files.place(occurrence.span)
            if place and place.path == self.document.path:
                yield Named(place, occurrence)
