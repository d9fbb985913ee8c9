"""Lists what a document defines, as a tree: items, their members, functions, stages."""

from lsprotocol import types

from qdsl.lsp.definitions import BlockNames, item_symbol
from qdsl.lsp.request import Request
from qdsl.lsp.session import Session
from qdsl.lsp.symbol import Kind, Symbol
from qdsl.lsp.view import View
from qdsl.syntax import tree

KINDS = {
    Kind.CONST: types.SymbolKind.Constant,
    Kind.FORMAT: types.SymbolKind.TypeParameter,
    Kind.BLOCK: types.SymbolKind.Class,
    Kind.MODEL: types.SymbolKind.Class,
    Kind.POLICY: types.SymbolKind.Interface,
    Kind.BUDGET: types.SymbolKind.Number,
    Kind.RECIPE: types.SymbolKind.Namespace,
    Kind.TARGET: types.SymbolKind.Object,
    Kind.VARIANT: types.SymbolKind.Package,
    Kind.PARAMETER: types.SymbolKind.Variable,
    Kind.MEMBER: types.SymbolKind.Field,
    Kind.WEIGHT: types.SymbolKind.Array,
    Kind.FUNCTION: types.SymbolKind.Method,
    Kind.ENTRY: types.SymbolKind.Method,
    Kind.STAGE: types.SymbolKind.Event,
}


def run(session: Session, params: types.DocumentSymbolParams) -> list[types.DocumentSymbol]:
    view = View(session.wanted(params.text_document.uri))
    items = view.scope.file.items if view.scope else ()
    found = [_symbol(view, item_symbol(i)) for i in items if not isinstance(i, tree.Import)]
    return [s for s in found if s]


def _symbol(view: View, symbol: Symbol) -> types.DocumentSymbol | None:
    assert symbol.node is not None
    assert symbol.span is not None
    document = view.document
    whole, name = document.files.place(symbol.node.span), document.files.place(symbol.span)
    if whole is None or name is None:
        return None
    below = [_symbol(view, s) for s in _below(view, symbol)]
    return types.DocumentSymbol(
        name=symbol.name or "?",
        detail=_detail(symbol),
        kind=KINDS[symbol.kind],
        range=document.text.range(whole.start, whole.end),
        selection_range=document.text.range(name.start, name.end),
        children=[s for s in below if s],
    )


def _below(view: View, symbol: Symbol) -> list[Symbol]:
    match symbol.node:
        case tree.Block() as block:
            assert view.scope is not None
            symbols = BlockNames(block, view.scope).symbols.values()
            return [s for s in symbols if s.kind is not Kind.PARAMETER]
        case tree.Recipe(stages=stages) as recipe:
            return [Symbol(Kind.STAGE, s.name.text, s.name.span, s, recipe) for s in stages]
        case _:
            return []


def _detail(symbol: Symbol) -> str:
    """What stands behind the name, in a few words."""
    match symbol.node:
        case tree.Member(value=value):
            return " ".join(value.span.text.split())[:60]
        case tree.Policy(model=tree.Name(text=text)):
            return f"for {text}"
        case _:
            return str(symbol.kind)


REQUEST = Request(types.TEXT_DOCUMENT_DOCUMENT_SYMBOL, run)
