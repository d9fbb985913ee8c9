"""Finds the proposals for a place: by the item it is in, and the brackets that are open there."""

import re
from collections.abc import Sequence

from qdsl.lsp.complete import in_block, in_item, in_policy
from qdsl.lsp.complete.cursor import Cursor, cursor_at
from qdsl.lsp.complete.proposal import Proposals
from qdsl.lsp.selectors import Used
from qdsl.lsp.view import View
from qdsl.lsp.weights import Weights
from qdsl.sema.scope import FileScope
from qdsl.source import no_span
from qdsl.syntax import tree

APPENDED = ("policy", "budget")
MODULE = re.compile(r"import\s+(\.*)(\w+(?:\.\w+)*)\s*\{")


def propose(view: View, offset: int) -> Proposals:
    """What could be written at the place."""
    cursor = cursor_at(view.document.text.text, offset)
    if cursor.silent or view.scope is None:
        return iter(())
    if len(cursor.frames) == 1 and cursor.kind not in ("block", "model"):
        return in_item.top(cursor, view.scope, view.document.path.parent)
    return _inside(cursor, view, view.scope)


def _inside(cursor: Cursor, view: View, scope: FileScope) -> Proposals:
    item = _item(view, cursor)
    match cursor.kind:
        case "import":
            return in_item.module(_module(view, cursor))
        case "block" | "model":
            block = item if isinstance(item, tree.Block) else None
            return in_block.proposals(cursor, scope, block)
        case "policy":
            return in_policy.proposals(cursor, scope, 1, _about(view, item))
        case "budget":
            return in_item.limits(cursor, 1, _about(view, item))
        case "recipe":
            return in_item.recipe(cursor, scope)
        case "target":
            return in_item.target(cursor)
        case "variant":
            return _variant(cursor, view, scope, item)
        case "const" | "format":
            return in_policy.value(cursor, scope)
        case _:
            return iter(())


def _variant(cursor: Cursor, view: View, scope: FileScope, item: tree.Item | None) -> Proposals:
    frames = cursor.frames
    if len(frames) > 2:
        head = [t.text for t in frames[2].head]
        if head[-2:-1] and head[-2] in APPENDED and frames[2].sign == "{":
            about = _about(view, item)
            if head[-2] == "policy":
                return in_policy.proposals(cursor, scope, 2, about)
            return in_item.limits(cursor, 2, about)
        return in_block.arguments(frames[-1], scope)
    models = Used(scope).models(item) if isinstance(item, tree.Variant) else ()
    return in_item.setting(cursor, scope, models[0].block if models else None)


def _item(view: View, cursor: Cursor) -> tree.Item | None:
    """The item at the cursor, as far as it could be read; else the one of its name before."""
    item = view.item_at(cursor.start + 1)
    if item is None and len(cursor.tokens) > 1 and view.scope:
        entry = view.scope.entries.get(cursor.tokens[1].text)
        return entry.item if entry else None
    return item


def _about(view: View, item: tree.Item | None) -> Sequence[Weights]:
    """The models that the rules or limits of an item are about, each in one variant."""
    assert view.scope is not None
    names: set[str] | None = None
    if isinstance(item, tree.Policy | tree.Budget | tree.Variant):
        names = {m.block.name.text for m in Used(view.scope).models(item)}
    found: dict[str, Weights] = {}
    for _, weights in view.document.weighed(most=1 << 20):
        kind = weights.variant.source.root.kind
        if not names or kind in names:
            found.setdefault(kind, weights)
    return tuple(found.values())


def _module(view: View, cursor: Cursor) -> Sequence[tree.Item]:
    """The items of the module that an import names."""
    found = MODULE.match(cursor.text)
    if found is None:
        return ()
    words = tuple(tree.Name(w, no_span()) for w in found[2].split("."))
    scope = view.module(tree.Import(words, len(found[1]), (), no_span()))
    return scope.file.items if scope else ()
