"""Lists the blocks of the standard library, read from its files."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from qdsl.cli.entry import Catalog, Entry, first_sentence, page
from qdsl.sema.files import STD
from qdsl.syntax import parse, read, tree

_BLOCK = re.compile(r"^block (\w+)", re.MULTILINE)


@cache
def _places() -> dict[str, Path]:
    """Block → its file, without parsing any."""
    files = sorted(STD.glob("*.qspec"))
    found = ((name, f) for f in files for name in _BLOCK.findall(f.read_text(encoding="utf-8")))
    return dict(found)


@cache
def _blocks(path: Path) -> dict[str, tree.Block]:
    source, _ = read(path, f"std/{path.name}")
    items = parse(source)[0].items if source else ()
    return {item.name.text: item for item in items if isinstance(item, tree.Block)}


def _entry(name: str) -> Entry:
    path = _places()[name]
    module = f"std.{path.stem}"
    block = _blocks(path).get(name)
    if block is None:  # the file has errors
        return Entry((name, module, "", ""), f"# {name}")
    call = f"{name}({', '.join(' '.join(p.span.text.split()) for p in block.parameters)})"
    return Entry((name, module, call, first_sentence(block.doc)), _page(block, module, call))


def _page(block: tree.Block, module: str, call: str) -> str:
    where = ", ".join(e.span.text for e in block.where)
    place = f"{block.span.source.name}:{block.span.location.line}"
    return page(
        f"# {block.name.text}",
        f"A block of `{module}`, at {place}.",
        f"```qspec\nimport {module} {{ {block.name.text} }}\n```",
        f"`{call}`" + (f" where `{where}`" if where else ""),
        block.doc,
        "## Members",
        "\n".join(_members(block)),
        "## Functions",
        "\n".join(f"- `{_signature(m)}`" for m in block.members if isinstance(m, tree.Function)),
    )


def _members(block: tree.Block) -> Iterator[str]:
    for member in block.members:
        if isinstance(member, tree.Member | tree.ParameterMember):
            yield f"- `{' '.join(member.span.text.split())}`"


def _signature(function: tree.Function) -> str:
    """`fn last(labels: i64[B, n]) -> f32[B, 1, d]`."""
    head = "forward" if function.kind == "forward" else f"{function.kind} {function.name.text}"
    inputs = ", ".join(i.span.text for i in function.inputs)
    results = ", ".join(r.span.text for r in function.results or ())
    return f"{head}({inputs})" + (f" -> {results}" if results else "")


STD_BLOCKS = Catalog(
    "blocks of the standard library", ("name", "module", "signature", "doc"), _places, _entry
)
