"""Finds the values that functions bind to names: what `matmul`, `softmax` and `output` govern."""

from collections.abc import Iterable, Mapping

from qdsl.ir.model import Body, Entry, Invoke, Module
from qdsl.ir.op import Einsum, Op, Softmax
from qdsl.record import record

Sites = Mapping[int, "tuple[Site, ...]"]  # by the id of the module whose functions bind them


@record
class Site:
    """A value: `function` binds `name` to what the last of `ops` gives, which is of that dtype.

    The others are what the expressions bound to the name compute on the way: in `a = softmax(x) |>
    drop` the softmax is that of `a`.
    """

    function: str
    name: str
    ops: tuple[Op, ...]
    dtype: str

    @property
    def path(self) -> str:
        return f"{self.function}.{self.name}"

    def has(self, property: str) -> bool:
        """Whether the property of a rule governs the value."""
        match property:
            case "matmul":
                return any(isinstance(o, Einsum) for o in self.ops)
            case "softmax":
                return any(isinstance(o, Softmax) for o in self.ops)
            case _:
                return property == "output" and self.dtype == "f32"


def sites_of(root: Module, entries: Iterable[Entry]) -> Sites:
    """The named values of each module, in the order in which entries reach them."""
    found: dict[int, dict[str, Site]] = {}
    seen: set[tuple[int, int]] = set()
    for entry in entries:
        _collect(root, entry.body, found, seen)
    return {key: tuple(sites.values()) for key, sites in found.items()}


def _collect(
    module: Module, body: Body, found: dict[int, dict[str, Site]], seen: set[tuple[int, int]]
) -> None:
    if (id(module), id(body)) in seen:
        return
    seen.add((id(module), id(body)))
    for step in body.steps:
        if isinstance(step, Invoke):
            _collect(_below(module, step.member), step.body, found, seen)
        elif step.name and not module.is_layer:
            function, _, name = step.name.rpartition(".")
            known = found.setdefault(id(module), {})
            before = known[step.name].ops if step.name in known else ()
            known[step.name] = Site(function, name, (*before, step.op), step.types[0].dtype)


def _below(module: Module, path: str) -> Module:
    """The module at a path such as `encoder.blocks[3]`; itself where the path is empty."""
    for part in filter(None, path.split(".")):
        name, _, index = part.partition("[")
        member = module.members[name]
        module = member if isinstance(member, Module) else member[int(index.rstrip("]"))]
    return module
