"""Reports blocks that contain themselves, directly or through others."""

from collections.abc import Iterator

from qdsl.diagnostic.model import error
from qdsl.sema.check import Check
from qdsl.sema.context import Context
from qdsl.sema.scope import FileScope
from qdsl.sema.walk import expressions
from qdsl.syntax import tree


def run(scope: FileScope, context: Context) -> None:
    """Files import each other in no circle, so a circle of blocks lies in one file."""
    blocks = {b.name.text: b for b in scope.own(tree.Block)}
    inner = {name: dict(_made(block, blocks)) for name, block in blocks.items()}
    for ring in _rings(inner):
        scope.broken |= {*ring}
        # the last block of the text closes the ring
        last = max(ring, key=lambda name: blocks[name].span.start)
        following = ring[(ring.index(last) + 1) % len(ring)]
        message = f"`{last}` contains itself"
        if len(ring) > 1:
            message += " through " + ", ".join(f"`{n}`" for n in ring if n != last)
        help = "use `repeat` to stack blocks: a block is made of others, all the way down to layers"
        context.report(error("Q220", message, inner[last][following].span, help=help))


def _made(block: tree.Block, blocks: dict[str, tree.Block]) -> Iterator[tuple[str, tree.Name]]:
    """Blocks of the file that this one names where its members are made, each once."""
    own = {p.name.text for p in block.parameters}
    values = [p.default for p in block.parameters if p.default is not None]
    values += [m.value for m in block.members if isinstance(m, tree.Member | tree.Const)]
    found: dict[str, tree.Name] = {}
    for value in values:
        for e in expressions(value):
            if isinstance(e, tree.Name) and e.text in blocks and e.text not in own:
                found.setdefault(e.text, e)
    yield from found.items()


def _rings(inner: dict[str, dict[str, tree.Name]]) -> Iterator[list[str]]:
    """A ring for each block that closes one, found by walking without recursion."""
    done: set[str] = set()
    for start in inner:
        path: dict[str, None] = {}  # in order
        todo = [iter([start])]
        while todo:
            name = next(todo[-1], None)
            if name is None:
                todo.pop()
                if path:
                    done.add(path.popitem()[0])
            elif name in path:
                yield [*path][[*path].index(name) :]
            elif name not in done:
                path[name] = None
                todo.append(iter(inner[name]))


CHECK = Check("recursion", run)
