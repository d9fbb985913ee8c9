"""Finds what a dim of the results stands for, and its formula over the dims of the inputs."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

from qdsl.ir.builder import Value
from qdsl.ir.shape import Dim, dim
from qdsl.sema.context import Stop
from qdsl.sema.elaborate import shapes_of
from qdsl.sema.metered_builder import MeteredBuilder
from qdsl.sema.signature import dim_names
from qdsl.sema.structure import Arguments
from qdsl.sema.values import Poison, Val
from qdsl.syntax import tree

if TYPE_CHECKING:
    from qdsl.sema.body import FunctionEvaluator


def result_dim(evaluator: "FunctionEvaluator", e: tree.Name) -> Dim:
    """What a new dim of the results stands for: that of the value bound last which fits a result.

    Inputs do not count: S of `-> f32[B, S, d]` names what was computed from them.
    """
    types = [
        t
        for t in evaluator.frame.function.results or ()
        if isinstance(t, tree.TensorType) and e.text in dim_names((t,))
    ]
    # while it is sought it has no value
    values = [] if e.text in evaluator.sought else list(_candidates(evaluator))
    evaluator.sought.add(e.text)
    for value, type in product(values, types):
        if (found := _fitting(evaluator, e.text, type, value)) is not None:
            evaluator.dims[e.text] = found
            break
    evaluator.sought.discard(e.text)
    if e.text in evaluator.dims:
        return evaluator.dims[e.text]
    if any(isinstance(value, Poison) for value in values):
        raise Stop  # what might have had that dim has been reported before
    shown = types[0].span.text if types else e.text
    message = f"dim `{e.text}` has no value yet"
    help = f"name the value of type `{shown}` before this"
    raise evaluator.context.stop("Q109", message, e.span, help=help)


def _candidates(evaluator: "FunctionEvaluator") -> Iterable[Val]:
    inputs = evaluator.given.values()
    values = reversed(evaluator.locals.values())
    return (v for v in values if not any(v is i for i in inputs))


def _fitting(
    evaluator: "FunctionEvaluator", name: str, type: tree.TensorType, value: Val
) -> Dim | None:
    if not isinstance(value, Value) or len(value.type.shape) != len(type.dims):
        return None
    before = dict(evaluator.dims)
    try:
        different = evaluator.signature.mismatch(type, value.type)
        return None if different else evaluator.dims.get(name)
    finally:
        evaluator.dims.clear()
        evaluator.dims.update(before)


def formula(evaluator: "FunctionEvaluator", e: tree.Name) -> Dim:
    """The dim in the names of this function's own inputs, whatever the caller's dims are."""
    actual = evaluator.value(e)
    if isinstance(actual, int) and not isinstance(actual, bool):
        actual = dim(actual)
    if not isinstance(actual, Dim):
        raise evaluator.expected("a dim", actual, e.span)
    names = dim_names(tuple(i.type for i in evaluator.frame.function.inputs))
    if all(evaluator.dims.get(n, dim(n)) == dim(n) for n in names):
        return actual
    return _general(evaluator, e)


def _general(evaluator: "FunctionEvaluator", e: tree.Name) -> Dim:
    """Elaborates once more with the inputs' dims left as names, and reads the formula off."""
    frame = evaluator.frame
    formulas = frame.elaborator.formulas
    present = tuple(n for n, v in evaluator.given.items() if v is not None)
    key = (frame.unit, frame.function.name.text, present, e.text)
    if key not in formulas:
        formulas[key] = None
        with evaluator.context.trial() as dropped:
            found = _tried(evaluator, present, e.text)
        if found is None and not dropped:
            raise Stop  # it met what has been reported before
        formulas[key] = found
    made = formulas[key]
    if made is None:
        message = f"`{e.text}` has no formula that holds for every input"
        help = "with dims in place of numbers this function does not fit together"
        raise evaluator.context.stop("Q215", message, e.span, help=help)
    return made


def _tried(evaluator: "FunctionEvaluator", present: tuple[str, ...], name: str) -> Dim | None:
    frame = evaluator.frame
    b = MeteredBuilder(frame.function.name.text, shapes_of(frame.unit), evaluator.context)
    elaborator = frame.elaborator.trial()
    shadow = type(evaluator)(replace(frame, builder=b, elaborator=elaborator))
    try:
        given = tuple(
            _symbolic(shadow, i.type) if i.name.text in present else None
            for i in frame.function.inputs
        )
        shadow.run(Arguments(given))
    except Stop:
        return None
    return shadow.dims.get(name)


def _symbolic(shadow: "FunctionEvaluator", type: tree.Type) -> Val:
    """An input of its declared type, dims as names."""
    if isinstance(type, tree.ArrayType):
        count = shadow.integer(type.count)
        return tuple(_symbolic(shadow, type.element) for _ in range(count))
    return shadow.frame.builder.input(shadow.signature.declared(type))
