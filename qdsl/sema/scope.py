"""Knows what each name of a file stands for, imports included."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from qdsl.diagnostic.model import error, warning
from qdsl.diagnostic.suggest import suggestion
from qdsl.sema.context import Context
from qdsl.syntax import tree

Definition = tree.Const | tree.Format | tree.Block | tree.Policy | tree.Budget | tree.Variant


@dataclass(frozen=True, slots=True)
class Entry:
    """A definition and the scope of the file that it stands in."""

    item: Definition
    scope: "FileScope"


@dataclass(eq=False)
class FileScope:
    """Names of one file; `used` notes imports that something asked for."""

    file: tree.File
    entries: dict[str, Entry] = field(default_factory=dict)
    imports: dict[str, tree.Name] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)  # names of imports that failed, reported

    def find(self, name: str) -> Entry | None:
        self.used.add(name)
        return self.entries.get(name)

    def own(self, kind: type[Definition]) -> "Iterator[Definition]":
        """Definitions of that kind which stand in this file, in order."""
        return (i for i in self.file.items if isinstance(i, kind))


def definitions(file: tree.File) -> Iterator[Definition]:
    return (i for i in file.items if not isinstance(i, tree.Import))


def build_scope(
    file: tree.File, imported: Mapping[tree.Import, FileScope], context: Context
) -> FileScope:
    """The file's scope; names defined twice and names a module does not have are reported."""
    scope = FileScope(file)
    for item in file.items:
        if isinstance(item, tree.Import):
            if item in imported:
                _import(scope, item, imported[item], context)
            else:
                scope.broken |= {n.text for n in item.names}
        else:
            _define(scope, item, context)
    return scope


def _define(scope: FileScope, item: Definition, context: Context) -> None:
    name = item.name
    if first := scope.entries.get(name.text):
        before = scope.imports.get(name.text, first.item.name)
        context.report(
            error(
                "Q103",
                f"`{name.text}` is defined twice",
                name.span,
                "defined again here",
                secondary=[(before.span, "first defined here")],
                help="rename one of them",
            )
        )
        return
    scope.entries[name.text] = Entry(item, scope)


def _import(scope: FileScope, item: tree.Import, module: FileScope, context: Context) -> None:
    own = {d.name.text for d in definitions(module.file)}
    for name in item.names:
        if name.text not in own:
            message = f"`{module.file.source.name}` has no `{name.text}`"
            help = suggestion(name.text, own)
            context.report(error("Q102", message, name.span, "not found", help=help))
            scope.broken.add(name.text)
        elif name.text in scope.entries:
            first = scope.imports.get(name.text, scope.entries[name.text].item.name)
            message = f"`{name.text}` is defined twice"
            second = [(first.span, "first defined here")]
            context.report(error("Q103", message, name.span, secondary=second))
        else:
            scope.entries[name.text] = module.entries[name.text]
            scope.imports[name.text] = name


def report_unused(scope: FileScope, context: Context) -> None:
    """Warns of imports that nothing asked for."""
    for text, name in scope.imports.items():
        if text not in scope.used:
            message = f"`{text}` is imported but not used"
            context.report(warning("Q104", message, name.span, help="remove it from the import"))
