"""Makes files, imports and formats."""

from collections.abc import Mapping

from qdsl.source import Span
from qdsl.syntax import tree
from qdsl.syntax.build.blocks import BLOCKS
from qdsl.syntax.build.context import Build, Context
from qdsl.syntax.build.expressions import EXPRESSIONS
from qdsl.syntax.build.policies import POLICIES
from qdsl.syntax.build.recipes import RECIPES


def import_(
    _: Context, span: Span, module: tuple[int, tuple[tree.Name, ...]], *names: tree.Name
) -> tree.Import:
    relative, path = module
    return tree.Import(path, relative, names, span)


def module(_: Context, span: Span, *parts: int | tree.Name) -> tuple[int, tuple[tree.Name, ...]]:
    names = tuple(p for p in parts if isinstance(p, tree.Name))
    dots = parts[0] if isinstance(parts[0], int) else 0
    return dots, names


NODES: Mapping[str, Build] = {
    "file": lambda c, s, edition, *items: items,
    "edition": lambda c, s, number: number,
    "import": import_,
    "module": module,
    "dots": lambda c, s, *_: s.text.count("."),
    "format": lambda c, s, name, value: tree.Format(name, value, c.doc(s), s),
    **EXPRESSIONS,
    **BLOCKS,
    **POLICIES,
    **RECIPES,
}
