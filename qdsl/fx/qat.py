"""Turns a float program into one that trains its weights as they will be packed."""

from dataclasses import replace

import torch
from torch import nn

from qdsl.diagnostic.model import Diagnostic, QdslError, error
from qdsl.fx.canonical import encode
from qdsl.fx.fold import folded_state
from qdsl.fx.observed import parts
from qdsl.fx.packed_layers import PackedLayers
from qdsl.fx.program import Program
from qdsl.fx.quantizer import QUANTIZER, Quantizer, Rounding
from qdsl.fx.ranges import add_observers, freeze_ranges
from qdsl.fx.reference import BACKEND
from qdsl.fx.reference_weight import repack
from qdsl.fx.schedule import Schedule
from qdsl.fx.spread import spread_like
from qdsl.fx.storages import Storages
from qdsl.fx.trained import TrainedLayers
from qdsl.fx.tree import build_tree, empty
from qdsl.ir.format import F32
from qdsl.ir.model import Arithmetic, Model, state_key
from qdsl.ir.nonnegative import misplaced_clips
from qdsl.ir.ranges import Range
from qdsl.plan import unserved
from qdsl.target import REFERENCE


@torch.no_grad()
def to_qat(program: Program, schedule: Schedule) -> Program:
    """A new program over copies of the weights, norms folded, each format with its quantizer.

    Masks and clips are computed once here, then by the schedule. Raises QdslError (Q510: a layer
    that the reference back end lacks; Q710: weights not finite).
    """
    if not isinstance(program.lowering, TrainedLayers) or program.lowering.quantized:
        raise ValueError("only a float program becomes a QAT program")
    model = program.packed_ir
    _check(model)
    state = folded_state(program)
    tree = build_tree(model, empty)
    for key, value in (*tree.named_parameters(), *tree.named_buffers()):
        value.copy_(state[key])
    for storage in model.storages:
        if storage.format != F32:
            owner = tree.get_submodule(state_key(storage.module_path))
            quantizer = Quantizer(storage.format, storage.parameter.matrix, schedule)
            quantizer.requires_grad_(storage.trainable)
            owner.add_module(storage.parameter.name + QUANTIZER, quantizer)
    add_observers(tree, model)
    layers = TrainedLayers(Storages(model), quantized=True)
    result = Program(tree, model, layers, choices=program.choices)
    result.to(next((value.device for value in state.values()), torch.device("cpu")))
    _check_finite(result)
    for _, quantizer, weight in result.quantizers():
        quantizer.update(weight)
    begin(result, schedule)
    return result.train(program.training)


def begin(program: Program, schedule: Schedule) -> None:
    """Starts a stage of a QAT program: its masks and clips follow the schedule from step 1 on.

    The graphs sum inputs of weights while the schedule asks for it. A checkpoint is loaded after.
    """
    lowering = program.lowering
    if not isinstance(lowering, TrainedLayers) or not lowering.quantized:
        raise ValueError("only a QAT program follows a schedule")
    groups = {state_key(p): n for p, n in parts(program.ir).items()} if schedule.observes else {}
    for key, quantizer, _ in program.quantizers():
        quantizer.begin(schedule, groups.get(key, 1))
    if lowering.observes != schedule.observes:
        program.relower(replace(lowering, observes=schedule.observes))


@torch.no_grad()
def freeze(program: Program) -> Program:
    """Fixes all codes and ranges; what is frozen stays.

    Raises QdslError: Q710 for weights not finite, Q717 for a range that has seen nothing.
    """
    _check_finite(program)
    freeze_ranges(module for _, _, module in program.ranges())
    for key, quantizer, weight in program.quantizers():
        quantizer.freeze(weight)
        scale = quantizer.scale
        if scale is not None and not bool(scale.isfinite().all()):
            message = f"a scale of `{key}` is out of the range of {quantizer.format.scale}"
            raise QdslError([error("Q711", message, help="write `scale = f32`")])
    return program


def exact(program: Program, on: bool) -> Program:
    """Between the graphs of training and those of the packed model on the reference back end."""
    if isinstance(program.lowering, TrainedLayers) and not program.lowering.quantized:
        raise ValueError("a float program has no exact mode: it is the QAT program's")
    storages = Storages(program.ir)
    if program.ir.arithmetic is Arithmetic.INTEGER:
        return freeze(program).eval() if on else program
    if not on:
        for _, quantizer, _ in program.quantizers():
            quantizer.packed = None
        program.relower(TrainedLayers(storages, quantized=True))
        return program
    freeze(program).eval()
    for _, quantizer, weight in program.quantizers():
        if not quantizer.format.is_float:
            canonical = encode(quantizer.quantized(), quantizer.mask, quantizer.format)
            quantizer.packed = repack(canonical).to(weight.device)
    program.relower(PackedLayers(storages, REFERENCE, exact=True))
    return program


def set_rounding(program: Program, rounding: Rounding) -> None:
    """Says what the quantizers of a QAT program do to weights that are not frozen.

    After training with `none` learned scales start anew: they are those of other weights.
    """
    for _, quantizer, weight in program.quantizers():
        if quantizer.rounding == "none" and rounding != "none":
            quantizer.start_scale(weight)
        quantizer.rounding = rounding


@torch.no_grad()
def decay_pruned(program: Program, coefficient: float) -> None:
    """Adds `coefficient` times each pruned weight to its gradient (SR-STE, arXiv 2102.04010).

    Once per optimizer step, after gradients are unscaled and averaged.
    """
    for _, quantizer, weight in program.quantizers():
        if quantizer.mask is not None and weight.grad is not None:
            mask = spread_like(quantizer.mask.view(weight.shape), weight)
            pruned = torch.where(mask, torch.zeros_like(weight), weight)
            weight.grad.add_(pruned, alpha=coefficient)


def _check(model: Model) -> None:
    unfit = unserved(model, BACKEND)
    if found := [*unfit, *(_misplaced(range) for range in misplaced_clips(model))]:
        raise QdslError(found)


def _misplaced(range: Range) -> Diagnostic:
    message = f"`{range.path}`: the {range.name} of `{range.format}` may be negative"
    help = f"write `int{range.format.grid.bits}(static, clip = learned)`, or round behind a `relu`"
    return error("Q522", message, help=help)


def _check_finite(program: nn.Module) -> None:
    bad = [k for k, p in program.named_parameters() if not bool(p.isfinite().all())]
    if bad:
        raise QdslError([error("Q710", f"`{key}` has weights that are not finite") for key in bad])
