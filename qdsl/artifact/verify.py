"""Says whether a model hangs together: numbered values, members, parameters, formats, ties."""

from collections.abc import Iterable

from qdsl.artifact.codec import Malformed
from qdsl.formats import check_activations, check_format, check_shape
from qdsl.ir.flat import graphs
from qdsl.ir.format import Activations, family_name
from qdsl.ir.model import Body, Invoke, Model, Module, Node, Parameter, Storage, join
from qdsl.ir.op import BatchNorm
from qdsl.ir.ranges import NORM_PARTS, SOFTMAX_PARTS
from qdsl.sema.sites import Sites, sites_of

LONGEST = 80  # characters of a path that a message repeats


def verify(model: Model) -> None:
    """Raises Malformed for the first thing that no compiler would have written."""
    modules = dict(model.root.walk())
    _verify_storages(model, modules)
    seen: set[tuple[int, int]] = set()
    for entry in model.entries:
        if len(entry.inputs) != len(entry.body.inputs):
            raise Malformed(f"entry `{entry.name}` and its body differ in their inputs")
        if len(entry.results) != len(entry.body.outputs):
            raise Malformed(f"entry `{entry.name}` and its body differ in their results")
        _verify_body(entry.body, model.root, seen)
    _verify_reads(model)
    _verify_roundings(model, modules)


def _verify_storages(model: Model, modules: dict[str, Module]) -> None:
    known: dict[str, Storage] = {}
    added = {join(fold.into, "bias") for fold in model.folds}
    for storage in model.storages:
        path, parameter = storage.path, storage.parameter
        if path in known or path in model.ties:
            raise Malformed(f"storage `{path}` stands twice")
        if path != join(storage.module_path, parameter.name):
            raise Malformed(f"storage `{path}` is not named as its parameter")
        own = _parameter(modules, path)
        if own != parameter and not (own is None and path in added):
            raise Malformed(f"storage `{path}` is no parameter of its module")
        known[path] = storage
        _verify_format(storage)
    for alias, owner in model.ties.items():
        tied = _parameter(modules, alias)
        if owner not in known or tied is None or tied.shape != known[owner].parameter.shape:
            raise Malformed(f"`{alias}` cannot be tied to `{owner}`")
    folded = [path for fold in model.folds for path in (fold.norm, fold.into)]
    for path in folded:
        if path not in modules:
            raise Malformed(f"`{path[:LONGEST]}` is no module")


def _verify_roundings(model: Model, modules: dict[str, Module]) -> None:
    """Formats of what layers take and of their states, of products, softmaxes and outputs."""
    for path, format in (*model.activations.items(), *model.states.items()):
        _verify_activations(path, format)
        if path not in modules or not modules[path].is_layer:
            raise Malformed(f"`{path[:LONGEST]}` is no layer")
    sites = sites_of(model.root, model.entries) if model.roundings else {}
    for property, found in model.roundings.items():
        for path, format in found.items():
            _verify_activations(path, format)
            if not _has(property, path, modules, sites):
                raise Malformed(f"`{path[:LONGEST]}` has no {property}")


def _has(property: str, path: str, modules: dict[str, Module], sites: Sites) -> bool:
    if path in modules:
        output = property == "output" and modules[path].is_layer
        return output or (property in NORM_PARTS and modules[path].kind == "LayerNorm")
    if property in SOFTMAX_PARTS:
        property = "softmax"
    instance, _, name = path.rpartition(".")
    instance, _, function = instance.rpartition(".")
    own = sites.get(id(modules[instance]), ()) if instance in modules else ()
    return any(s.path == f"{function}.{name}" and s.has(property) for s in own)


def _verify_activations(path: str, format: Activations) -> None:
    if error := check_activations(format):
        raise Malformed(f"`{path[:LONGEST]}`: {error.message}")


def _verify_format(storage: Storage) -> None:
    format = storage.format
    error = check_format(format) or check_shape(format, *storage.parameter.matrix)
    if error is not None:
        raise Malformed(f"`{storage.path[:LONGEST]}`: {error.message}")
    if format.name != family_name(format.grid):
        raise Malformed(f"`{storage.path[:LONGEST]}`: `{format.name[:LONGEST]}` is another format")


def _parameter(modules: dict[str, Module], path: str) -> Parameter | None:
    module = modules.get(path.rpartition(".")[0])
    name = path.rpartition(".")[2]
    own = module.parameters if module else ()
    return next((p for p in own if p.name == name), None)


def _verify_body(body: Body, module: Module, seen: set[tuple[int, int]]) -> None:
    """Each body once per module that it is called in."""
    if (id(body), id(module)) in seen:
        return
    seen.add((id(body), id(module)))
    known = set(range(len(body.inputs)))
    for step in body.steps:
        _require(known, step.inputs, body)
        match step:
            case Invoke():
                _verify_call(step, module, seen)
            case Node():
                _verify_node(step, module)
        known.update(step.outputs)
    _require(known, body.outputs, body)


def _require(known: set[int], used: Iterable[int], body: Body) -> None:
    if unknown := [n for n in used if n not in known]:
        raise Malformed(f"`{body.function}` uses value {unknown[0]} before it is computed")


def _verify_call(step: Invoke, module: Module, seen: set[tuple[int, int]]) -> None:
    callee = _member(module, step.member)
    counts = (len(step.inputs), len(step.outputs))
    if callee is None or counts != (len(step.body.inputs), len(step.body.outputs)):
        raise Malformed(f"the call of `{step.member}` does not fit what it calls")
    _verify_body(step.body, callee, seen)


def _member(module: Module, path: str) -> Module | None:
    """The module at a path below this one, such as `blocks[3].up`; this one for the path ``."""
    found: Module | None = module
    for part in path.split(".") if path else ():
        name, _, index = part.partition("[")
        member = found.members.get(name) if found else None
        if isinstance(member, tuple):
            found = member[int(index[:-1])] if _is_index(index, len(member)) else None
        else:
            found = member if isinstance(member, Module) and not index else None
    return found


def _is_index(text: str, count: int) -> bool:
    """Whether `text` is `i]` with i below the count."""
    digits = text[:-1]
    plain = text[-1:] == "]" and digits.isascii() and digits.isdecimal() and len(digits) < 10
    return plain and int(digits) < count


def _verify_node(node: Node, module: Module) -> None:
    own = {p.name for p in module.parameters} | {"bias"}  # which folding may have added
    if missing := [p for p in node.parameters if p not in own]:
        raise Malformed(f"`{module.kind}` has no parameter `{missing[0]}`")


def _verify_reads(model: Model) -> None:
    """Every parameter that an operation reads is stored, tied, or gone with its norm."""
    stored = {s.path for s in model.storages} | model.ties.keys()
    folded = {fold.norm for fold in model.folds}
    for graph in graphs(model):
        for flat in graph.nodes:
            if flat.path in folded:
                continue
            # a norm that is packed as scale and shift has no statistics
            stays = 2 if isinstance(flat.node.op, BatchNorm) else None
            if missing := [p for p in flat.node.parameters[:stays] if p not in stored]:
                raise Malformed(f"parameter `{missing[0]}` is not stored")
