"""Reads a file and what it imports: std modules from the package, others below the import root."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from os.path import normpath, realpath, relpath
from pathlib import Path

from qdsl.diagnostic.model import Diagnostic, Label, error
from qdsl.diagnostic.suggest import suggestion
from qdsl.sema.context import Context
from qdsl.sema.limits import MAX_IMPORTS
from qdsl.sema.scope import FileScope, build_scope
from qdsl.source import Source, Span
from qdsl.syntax import parse, tree

STD = Path(__file__).parent.parent / "std"
ROOT_MARKS = ("qdsl.toml", ".git")
UNREADABLE = "Q001"

Read = Callable[[Path, str], tuple[Source | None, tuple[Diagnostic, ...]]]
Parse = Callable[[Source], tuple[tree.File, tuple[Diagnostic, ...]]]


@dataclass(eq=False)
class Loader:
    """Loads each file once; `read` may read another revision than the working tree."""

    context: Context
    root: Path
    read: Read
    parse: Parse = parse
    scopes: dict[Path, FileScope | None] = field(default_factory=dict)
    loading: list[Path] = field(default_factory=list)
    names: dict[Path, str] = field(default_factory=dict)

    def load(self, path: Path, name: str) -> FileScope | None:
        """The scope of a file, None when it cannot be read (which is reported)."""
        source, findings = self.read(path, name)
        if source is None:
            for finding in findings:
                self.context.report(finding)
            return None
        self.names[path] = name
        return self._scope(path, source)

    def _scope(self, path: Path, source: Source) -> FileScope:
        file, findings = self.parse(source)
        for finding in findings:
            self.context.report(finding)
        self.loading.append(path)
        imported: dict[int, FileScope] = {}
        for item in file.items:
            if isinstance(item, tree.Import) and (module := self._module(item, path)):
                imported[id(item)] = module
        self.loading.pop()
        damaged = any(finding.is_error for finding in findings)
        self.scopes[path] = scope = build_scope(file, imported, damaged, self.context)
        return scope

    # ---- imports -----------------------------------------------------------------------------

    def _module(self, item: tree.Import, importer: Path) -> FileScope | None:
        """The scope of an imported module, None where there is none (reported)."""
        path = self.path(item, importer)
        if path is None:
            return None
        if path in self.loading:
            self._report_cycle(item, path)
            return None
        if len(self.loading) > MAX_IMPORTS:
            message = f"imports nest more than {MAX_IMPORTS} deep"
            self.context.report(error("Q208", message, _span(item)))
            return None
        if path not in self.scopes:
            self.scopes[path] = None
            source, findings = self.read(path, self._name(path))
            if source is not None:
                if path.parent == STD:
                    self.context.library.add(source)
                return self._scope(path, source)
            self._report_unreadable(item, path, findings)
        return self.scopes[path]

    def path(self, item: tree.Import, importer: Path) -> Path | None:
        """Where an imported module is; None where it cannot be (reported)."""
        words = [n.text for n in item.module]
        if item.relative == 0:
            return self._std(item, words)
        folder = importer.parent
        for _ in range(item.relative - 1):
            folder = folder.parent
        path = real_path(folder.joinpath(*words).with_suffix(".qspec"))
        if path.is_relative_to(self.root):
            return path
        message = f"import of `{_text(item)}` leaves the import root"
        help = "the root is the nearest folder above with qdsl.toml or .git, else the file's own"
        self.context.report(error("Q107", message, _span(item), "outside the root", help=help))
        return None

    def _std(self, item: tree.Import, words: list[str]) -> Path | None:
        text = ".".join(words)
        if text in std_modules():
            return STD / f"{words[1]}.qspec"
        help = suggestion(text, std_modules())
        if words[0] != "std":
            help = f"a file beside this one is imported as `.{text}`"
        message = f"no module `{text}`"
        self.context.report(error("Q105", message, _span(item), "not found", help=help))
        return None

    def _name(self, path: Path) -> str:
        """What messages call a file: std modules by one name, others as seen from the first."""
        if path.parent == STD:
            return f"std/{path.name}"
        first, name = next(iter(self.names.items()))
        return normpath(Path(name).parent / relpath(path, first.parent))

    def _report_cycle(self, item: tree.Import, path: Path) -> None:
        ring = [p.name for p in self.loading[self.loading.index(path) :]] + [path.name]
        message = "import cycle: " + " → ".join(ring)
        help = "move what both need into a third file"
        if len(ring) == 2:
            message, help = f"`{path.name}` imports itself", "remove the import"
        self.context.report(error("Q106", message, _span(item), "closes the cycle", help=help))

    def _report_unreadable(
        self, item: tree.Import, path: Path, findings: tuple[Diagnostic, ...]
    ) -> None:
        for finding in findings:
            if finding.code == UNREADABLE:
                message = f"no module `{_text(item)}`"
                help = f"looked for `{self._name(path)}`"
                finding = error("Q105", message, _span(item), "not found", help=help)
            elif finding.primary is None:
                finding = replace(finding, primary=Label(_span(item), "imported here"))
            self.context.report(finding)


def real_path(path: Path) -> Path:
    """The path with links resolved; of a path that is none, itself: reading it tells why."""
    try:
        return Path(realpath(path))
    except (OSError, ValueError):
        return path


def import_root(path: Path) -> Path:
    """The nearest ancestor with qdsl.toml or .git, else the file's folder; links resolved."""
    folder = real_path(path).parent
    for candidate in (folder, *folder.parents):
        if any((candidate / mark).exists() for mark in ROOT_MARKS):
            return candidate
    return folder


@cache
def std_modules() -> tuple[str, ...]:
    """Modules of the library, as an import names them."""
    return tuple(sorted(f"std.{p.stem}" for p in STD.glob("*.qspec")))


def _text(item: tree.Import) -> str:
    return "." * item.relative + ".".join(n.text for n in item.module)


def _span(item: tree.Import) -> Span:
    return item.module[0].span.to(item.module[-1].span)
