"""Checks that a model has the functions that its recipe's task needs."""

from functools import cache

from qdsl.diagnostic.model import error
from qdsl.diagnostic.suggest import did_you_mean
from qdsl.ir.model import Entry, TensorType
from qdsl.ir.shape import Dim, dim
from qdsl.recipes.task import Task
from qdsl.sema.arithmetic import compute
from qdsl.sema.context import Context
from qdsl.sema.signature import is_dim_name
from qdsl.source import Source, Span
from qdsl.syntax import parse, tree


def check_task(
    task: Task, entries: tuple[Entry, ...], model: tree.Block, span: Span, context: Context
) -> None:
    """Reports each function that is missing or of another signature; `span` names the task."""
    found = {e.name: e for e in entries}
    places = {m.name.text: m.name.span for m in model.members if isinstance(m, tree.Function)}
    shared: dict[str, Dim] = {}
    for text in task.needs():
        needed = _parsed(text)
        name = needed.name.text
        if name not in found:
            if name in places:
                continue  # it has an error of its own
            message = f"task `{task.word()}` needs `{text.removeprefix('entry ')}`"
            near = did_you_mean(name, found)
            help = f"add an `entry {name}(…)` of these inputs and results to `{model.name.text}`"
            help = f"did you mean `{near}`? Then call it `{name}`" if near else help
            secondary = [(model.name.span, f"`{model.name.text}` has no entry `{name}`")]
            context.report(error("Q703", message, span, secondary=secondary, help=help))
        elif why := _mismatch(needed, found[name], shared, task.shared, context):
            message = f"entry `{name}` is not what task `{task.word()}` needs: {why}"
            secondary = [(span, "needed here")]
            help = f"the task calls `{text.removeprefix('entry ')}`"
            context.report(error("Q703", message, places[name], secondary=secondary, help=help))


def _mismatch(
    needed: tree.Function,
    entry: Entry,
    shared: dict[str, Dim],
    names: frozenset[str],
    context: Context,
) -> str | None:
    """Why the entry is not of that signature; dims among `names` are bound in `shared`."""
    results = needed.results or ()
    if len(needed.inputs) != len(entry.inputs):
        return f"it takes {len(entry.inputs)} inputs, not {len(needed.inputs)}"
    if len(results) != len(entry.results):
        return f"it gives {len(entry.results)} results, not {len(results)}"
    dims = dict(shared)
    pairs = [
        (i.type, e.type, i.name.text) for i, e in zip(needed.inputs, entry.inputs, strict=True)
    ]
    pairs += [(t, e, "result") for t, e in zip(results, entry.results, strict=True)]
    for declared, actual, what in pairs:
        assert isinstance(declared, tree.TensorType)
        if why := _different(declared, actual, dims, context):
            return f"`{what}`: {why}" if what != "result" else why
    shared.update({n: d for n, d in dims.items() if n in names})
    return None


def _different(
    declared: tree.TensorType, actual: TensorType, dims: dict[str, Dim], context: Context
) -> str | None:
    text = f"expected `{declared.span.text}`, found `{actual}`"
    if declared.dtype.text != actual.dtype or len(declared.dims) != len(actual.shape):
        return text
    for expression, size in zip(declared.dims, actual.shape, strict=True):
        if is_dim_name(expression) and expression.text not in dims:
            dims[expression.text] = size
            continue
        wanted = _evaluated(expression, dims, context)
        if wanted != size:
            named = expression.span.text
            return text if named == str(wanted) else f"{text}: `{named}` is {wanted}, not {size}"
    return None


def _evaluated(e: tree.Expr, dims: dict[str, Dim], context: Context) -> Dim:
    """Dims of a task are names, numbers and sums of those."""
    match e:
        case tree.Name(text=text):
            return dims[text]
        case tree.Integer(value=value):
            return dim(value)
        case tree.Binary(operator=operator, left=left, right=right):
            sides = _evaluated(left, dims, context), _evaluated(right, dims, context)
            result = compute(operator, *sides, e.span, context)
            assert isinstance(result, Dim | int)
            return dim(result)
        case _:
            raise TypeError(f"{type(e).__name__} in the signature of a task")


@cache
def _parsed(text: str) -> tree.Function:
    file, _ = parse(Source("task", f"qspec 1 model Task {{ {text} {{}} }}"))
    block = file.items[0]
    assert isinstance(block, tree.Block)
    function = block.members[0]
    assert isinstance(function, tree.Function)
    return function
