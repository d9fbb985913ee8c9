"""Proposes what stands in a file, a budget, a recipe, a target and a variant."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import qdsl.recipes.tasks
from qdsl.devices import profile_names
from qdsl.devices.profile import TRAITS
from qdsl.lsp.complete import in_policy
from qdsl.lsp.complete.cursor import Cursor
from qdsl.lsp.complete.proposal import (
    Proposal,
    Proposals,
    Sort,
    blocks,
    formats,
    items,
    words,
)
from qdsl.lsp.pieces import ITEMS
from qdsl.lsp.weights import Weights
from qdsl.recipes.model import Stage
from qdsl.registry import names
from qdsl.sema.files import std_modules
from qdsl.sema.recipe.options import schema
from qdsl.sema.scope import FileScope
from qdsl.sema.variants import KEYS
from qdsl.size.budget import Measure
from qdsl.size.limits import UNITS
from qdsl.syntax import tree

BASES: dict[str, type[tree.Item]] = {
    "policy": tree.Policy,
    "target": tree.Target,
    "variant": tree.Variant,
}


def top(cursor: Cursor, scope: FileScope, folder: Path) -> Proposals:
    """Outside of all braces: the next item, or the head of this one; `folder` is the file's."""
    kind, last = cursor.kind, cursor.last
    if cursor.text.rpartition("\n")[2].strip() == cursor.word:
        return words(ITEMS, Sort.KEYWORD)
    if kind == "import":
        return _modules(cursor, folder)
    if last == "for":
        return blocks(scope, models=True)
    if last == "extends" and kind in BASES:
        return items(scope, BASES[kind])
    if last == "=":
        return formats(scope) if kind == "format" else items(scope, tree.Const)
    if kind == "policy":
        return words(("for", "extends"), Sort.KEYWORD)
    return words(("extends",), Sort.KEYWORD) if kind in BASES else iter(())


def _modules(cursor: Cursor, folder: Path) -> Proposals:
    """The modules of the library, or files beside this one behind a dot."""
    before = cursor.text.partition("import")[2].strip().removesuffix(cursor.word)
    if before.startswith("."):
        return words(sorted(p.stem for p in folder.glob("*.qspec")), Sort.MODULE, "file")
    return words((m.removeprefix(before) for m in std_modules()), Sort.MODULE, "module")


def module(names: Iterable[tree.Item]) -> Proposals:
    """What an import may take from a module."""
    for item in names:
        if not isinstance(item, tree.Import):
            doc = getattr(item, "doc", "")
            yield Proposal(item.name.text, Sort.BLOCK, type(item).__name__.lower(), doc=doc)


def limits(cursor: Cursor, depth: int, models: Sequence[Weights]) -> Proposals:
    """In a budget: measures, what they measure, units."""
    inner = cursor.frames[depth + 1 :]
    if inner and inner[0].sign == "(":
        if inner[0].head[-1].text == Measure.MACS:
            return _entries(cursor, models)
        return in_policy.paths(cursor, models)
    if cursor.last == "over":
        return words(("f32", "bf16"), Sort.FORMAT, "baseline")
    if cursor.last.isdigit():
        units = dict.fromkeys(u for known in UNITS.values() for u in known if u)
        return words((*units, "over"), Sort.UNIT, "unit")
    return words(Measure, Sort.FUNCTION, "measure")


def _entries(cursor: Cursor, models: Sequence[Weights]) -> Proposals:
    """The entries of the models, then their dims."""
    first = not cursor.frames[-1].inside
    for weights in models:
        for entry in weights.variant.source.entries:
            if first:
                yield Proposal(entry.name, Sort.FUNCTION, "entry")
            elif entry.name == cursor.frames[-1].inside[0].text:
                shapes = (str(d) for i in entry.inputs for d in i.type.shape)
                for dim in dict.fromkeys(d for d in shapes if d.isidentifier()):
                    yield Proposal(dim, Sort.PARAMETER, "dim", f"{dim} = ")


def recipe(cursor: Cursor, scope: FileScope) -> Proposals:
    """In a recipe: its properties, stages and theirs."""
    if cursor.last == "=":
        if cursor.back(2) == "task":
            return words(names(qdsl.recipes.tasks), Sort.VALUE, "task")
        return items(scope, tree.Const)
    return iter(
        (
            *words(("task", "stage"), Sort.KEYWORD),
            *words((n for n in schema(Stage) if n != "name"), Sort.PROPERTY, "of a stage"),
        )
    )


def target(cursor: Cursor) -> Proposals:
    """In a target: its traits."""
    return iter(()) if cursor.last == "=" else words(TRAITS, Sort.PROPERTY, "trait")


def setting(cursor: Cursor, scope: FileScope, model: tree.Block | None) -> Proposals:
    """In a variant: what it sets."""
    if cursor.last == ".":
        if cursor.back(2) == "model" and model:
            return words((p.name.text for p in model.parameters), Sort.PARAMETER, "of the model")
        return iter(())
    if cursor.last != "=":
        return iter(
            (
                *(Proposal(key, Sort.PROPERTY, "", f"{key} = ") for key in KEYS),
                *words(("policy +=", "budget +="), Sort.PROPERTY, "append"),
            )
        )
    match cursor.back(2):
        case "model":
            return blocks(scope, models=True)
        case "policy":
            return items(scope, tree.Policy)
        case "budget":
            return items(scope, tree.Budget)
        case "recipe":
            return items(scope, tree.Recipe)
        case "target":
            known = words(profile_names(), Sort.VALUE, "profile")
            return iter((*items(scope, tree.Target), *known))
        case _:
            return items(scope, tree.Const)
