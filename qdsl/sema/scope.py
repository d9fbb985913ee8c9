"""Knows what each name of a file stands for, imports included."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from qdsl.diagnostic.model import error, warning
from qdsl.diagnostic.suggest import suggestion
from qdsl.record import record
from qdsl.sema.context import Context
from qdsl.sema.values import Val
from qdsl.syntax import tree

VALUE_ITEMS = (tree.Const, tree.Format, tree.Block)  # items whose names stand for values
Definition = (
    tree.Const
    | tree.Format
    | tree.Block
    | tree.Policy
    | tree.Budget
    | tree.Recipe
    | tree.Target
    | tree.Variant
)
D = TypeVar(
    "D",
    tree.Const,
    tree.Format,
    tree.Block,
    tree.Policy,
    tree.Budget,
    tree.Recipe,
    tree.Target,
    tree.Variant,
)


@record
class Entry:
    """A definition and the scope of the file that it stands in."""

    item: Definition
    scope: "FileScope"


@dataclass(eq=False)
class FileScope:
    """Names of one file.

    used: names that something asked for. broken: names whose definition has been reported as
    wrong, so that their uses are not. constants: values of `const` and `format` items, filled in
    order. damaged: the file has syntax errors, so that parts may be missing.
    """

    file: tree.File
    entries: dict[str, Entry] = field(default_factory=dict)
    imports: dict[str, tree.Name] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    constants: dict[str, Val] | None = None
    damaged: bool = False

    def find(self, name: str) -> Entry | None:
        self.used.add(name)
        return self.entries.get(name)

    def value(self, name: str) -> Entry | None:
        """What the name means in an expression, where a variant may be called `int8`."""
        entry = self.find(name)
        return entry if entry and isinstance(entry.item, VALUE_ITEMS) else None

    def own(self, kind: type[D]) -> Iterator[D]:
        """Definitions of that kind which stand in this file, in order."""
        return (i for i in self.file.items if isinstance(i, kind))


def definitions(file: tree.File) -> Iterator[Definition]:
    return (i for i in file.items if not isinstance(i, tree.Import))


def build_scope(
    file: tree.File, imported: Mapping[int, FileScope], damaged: bool, context: Context
) -> FileScope:
    """The file's scope; names defined twice and names a module does not have are reported.

    `imported` has the scope of each import that could be read, by the id of its node.
    """
    scope = FileScope(file, damaged=damaged)
    for item in file.items:
        if not isinstance(item, tree.Import):
            _define(scope, item, context)
        elif id(item) in imported:
            _import(scope, item, imported[id(item)], context)
        else:
            scope.broken |= {n.text for n in item.names}
    return scope


def _define(scope: FileScope, item: Definition, context: Context) -> None:
    if item.name.text in scope.entries:
        _report_twice(scope, item.name, context)
        return
    scope.entries[item.name.text] = Entry(item, scope)


def _import(scope: FileScope, item: tree.Import, module: FileScope, context: Context) -> None:
    own = {d.name.text for d in definitions(module.file)}
    for name in item.names:
        if name.text not in own:
            scope.broken.add(name.text)
            if not module.damaged:
                message = f"`{module.file.source.name}` has no `{name.text}`"
                help = suggestion(name.text, own)
                context.report(error("Q102", message, name.span, "not found", help=help))
        elif name.text in scope.entries:
            _report_twice(scope, name, context)
        else:
            scope.entries[name.text] = module.entries[name.text]
            scope.imports[name.text] = name


def _report_twice(scope: FileScope, name: tree.Name, context: Context) -> None:
    first = scope.imports.get(name.text, scope.entries[name.text].item.name)
    context.report(
        error(
            "Q103",
            f"`{name.text}` is defined twice",
            name.span,
            "defined again here",
            secondary=[(first.span, "first defined here")],
            help="rename one of them",
        )
    )


def report_unused(scope: FileScope, context: Context) -> None:
    """Warns of imports that nothing asked for."""
    for text, name in scope.imports.items():
        if text not in scope.used:
            message = f"`{text}` is imported but not used"
            help = "remove it from the import"
            context.report(warning("Q104", message, name.span, help=help))
