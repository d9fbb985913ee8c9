"""Reads a file and what it imports: std modules from the package, others below the import root."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from qdsl.diagnostic.model import Diagnostic, error
from qdsl.diagnostic.suggest import suggestion
from qdsl.sema.context import Context
from qdsl.sema.scope import FileScope, build_scope
from qdsl.source import Source, Span
from qdsl.syntax import parse, tree

STD = Path(__file__).parent.parent / "std"
ROOT_MARKS = ("qdsl.toml", ".git")

Read = Callable[[Path, str], tuple[Source | None, tuple[Diagnostic, ...]]]


@dataclass(eq=False)
class Loader:
    """Loads each file once; `read` may read another revision than the working tree."""

    context: Context
    root: Path
    read: Read
    scopes: dict[Path, FileScope | None] = field(default_factory=dict)
    loading: list[Path] = field(default_factory=list)

    def load(self, path: Path, name: str) -> FileScope | None:
        """The scope of a file, None when it cannot be read (which is reported)."""
        if path in self.scopes:
            return self.scopes[path]
        source, findings = self.read(path, name)
        if source is None:
            for finding in findings:
                self.context.report(finding)
            self.scopes[path] = None
            return None
        file, findings = parse(source)
        for finding in findings:
            self.context.report(finding)
        self.loading.append(path)
        imported = {i: s for i in file.items if isinstance(i, tree.Import) if (s := self._module(i, path))}
        self.loading.pop()
        self.scopes[path] = build_scope(file, imported, self.context)
        return self.scopes[path]

    def _module(self, item: tree.Import, importer: Path) -> FileScope | None:
        place = self._place(item, importer)
        if place is None:
            return None
        path, name = place
        if path in self.loading:
            self._report_cycle(item, path)
            return None
        return self.load(path, name)

    def _place(self, item: tree.Import, importer: Path) -> tuple[Path, str] | None:
        """Where the module is and what it is called; None when there is none (reported)."""
        words = [n.text for n in item.module]
        if item.relative == 0:
            return self._std(item, words)
        folder = importer.parent
        for _ in range(item.relative - 1):
            folder = folder.parent
        path = folder.joinpath(*words).with_suffix(".qspec").resolve()
        if not path.is_relative_to(self.root):
            message = f"import of `{_text(item)}` leaves the import root"
            help = "the root is the nearest folder above with qdsl.toml or .git, else the file's own"
            self.context.report(error("Q107", message, _span(item), "outside the root", help=help))
            return None
        if self.read(path, "")[0] is None:
            message = f"no module `{_text(item)}`"
            help = f"looked for `{path.relative_to(self.root)}` in the import root"
            self.context.report(error("Q105", message, _span(item), "not found", help=help))
            return None
        return path, str(path.relative_to(self.root))

    def _std(self, item: tree.Import, words: list[str]) -> tuple[Path, str] | None:
        known = ["std." + p.stem for p in STD.glob("*.qspec")]
        text = ".".join(words)
        if text in known:
            return STD / f"{words[1]}.qspec", f"std/{words[1]}.qspec"
        help = suggestion(text, known)
        if words[0] != "std":
            help = f"a file beside this one is imported as `.{text}`"
        self.context.report(error("Q105", f"no module `{text}`", _span(item), "not found", help=help))
        return None

    def _report_cycle(self, item: tree.Import, path: Path) -> None:
        ring = [p.name for p in self.loading[self.loading.index(path) :]] + [path.name]
        message = "import cycle: " + " → ".join(ring)
        help = "move what both need into a third file"
        self.context.report(error("Q106", message, _span(item), "closes the cycle", help=help))


def import_root(path: Path) -> Path:
    """The nearest ancestor with qdsl.toml or .git, else the file's folder; links resolved."""
    folder = path.resolve().parent
    for candidate in (folder, *folder.parents):
        if any((candidate / mark).exists() for mark in ROOT_MARKS):
            return candidate
    return folder


def _text(item: tree.Import) -> str:
    return "." * item.relative + ".".join(n.text for n in item.module)


def _span(item: tree.Import) -> Span:
    return item.module[0].span.to(item.module[-1].span)
