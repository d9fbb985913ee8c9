"""Finds what the standard library would have for a name that a file does not know."""

import re
from functools import cache

from qdsl.diagnostic.model import Edit
from qdsl.sema.files import STD
from qdsl.sema.scope import FileScope
from qdsl.source import Span
from qdsl.syntax import tree

DEFINITION = re.compile(r"^(?:block|model) (\w+)", re.MULTILINE)
EDITION = re.compile(r"^qspec[ \t]+\d+[^\n]*", re.MULTILINE)


@cache
def library_modules() -> dict[str, str]:
    """The module of each block, `std.speech`; reads all modules, so only where a name failed."""
    texts = {f"std.{p.stem}": p.read_text(encoding="utf-8") for p in sorted(STD.glob("*.qspec"))}
    return {name: module for module, text in texts.items() for name in DEFINITION.findall(text)}


def import_of(name: str, scope: FileScope) -> tuple[str, Edit | None] | None:
    """The help line for a block of the library that is not imported, and the edit that adds it.

    None where there is none of that name, in whatever letters.
    """
    modules = library_modules()
    meant = {n.lower(): n for n in modules}.get(name.lower())
    if meant is None:
        return None
    written = f"import {modules[meant]} {{ {meant} }}"
    fix = _edit(meant, modules[meant], written, scope) if meant == name else None
    return f"add `{written}`", fix


def _edit(name: str, module: str, written: str, scope: FileScope) -> Edit | None:
    """Adds the name to the import of its module, else a line behind the last import."""
    source = scope.file.source
    imports = [i for i in scope.file.items if isinstance(i, tree.Import)]
    for item in imports:
        if ".".join(n.text for n in item.module) == module and not item.relative and item.names:
            end = item.names[-1].span.end
            return Edit(Span(source, end, end), f", {name}")
    if imports:
        end = imports[-1].span.end
        return Edit(Span(source, end, end), f"\n{written}")
    edition = EDITION.search(source.text)
    return edition and Edit(Span(source, edition.end(), edition.end()), f"\n\n{written}")
