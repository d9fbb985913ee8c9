"""Turns a float program into one that trains its weights as they will be packed."""

import torch
from torch import nn

from qdsl.diagnostic.model import QdslError, error
from qdsl.fx.canonical import encode
from qdsl.fx.fold import folded_state
from qdsl.fx.numerics import check_format
from qdsl.fx.ops import REFERENCE
from qdsl.fx.packed_layers import PackedLayers
from qdsl.fx.program import Program
from qdsl.fx.quantizer import QUANTIZER, Quantizer, Schedule
from qdsl.fx.reference import BACKEND, repack
from qdsl.fx.storages import Storages
from qdsl.fx.trained import TrainedLayers
from qdsl.fx.tree import build_tree, empty
from qdsl.ir.format import F32
from qdsl.ir.model import Model, state_key
from qdsl.plan import unserved


@torch.no_grad()
def to_qat(program: Program, schedule: Schedule) -> Program:
    """A new program over copies of the weights, norms folded, each format with its quantizer.

    Masks and clips are computed once here, then by the schedule. Raises QdslError (Q521: a format
    that cannot be trained; Q710: weights not finite).
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
            owner.add_module(storage.parameter.name + QUANTIZER, quantizer)
    result = Program(tree, model, TrainedLayers(Storages(model), quantized=True))
    result.to(next((value.device for value in state.values()), torch.device("cpu")))
    _check_finite(result)
    for _, quantizer, weight in result.quantizers():
        quantizer.update(weight)
    return result.train(program.training)


@torch.no_grad()
def freeze(program: Program) -> Program:
    """Fixes all codes; a frozen quantizer stays. Raises QdslError (Q710) for weights not finite."""
    _check_finite(program)
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


@torch.no_grad()
def decay_pruned(program: Program, coefficient: float) -> None:
    """Adds `coefficient` times each pruned weight to its gradient (SR-STE, arXiv 2102.04010).

    Once per optimizer step, after gradients are unscaled and averaged.
    """
    for _, quantizer, weight in program.quantizers():
        if quantizer.mask is not None and weight.grad is not None:
            pruned = torch.where(quantizer.mask.view_as(weight), 0.0, weight)
            weight.grad.add_(pruned, alpha=coefficient)


def _check(model: Model) -> None:
    found = [d for s in model.storages for d in check_format(s.path, s.format)]
    found += unserved(model, BACKEND)
    if found:
        raise QdslError(found)


def _check_finite(program: nn.Module) -> None:
    bad = [k for k, p in program.named_parameters() if not bool(p.isfinite().all())]
    if bad:
        raise QdslError([error("Q710", f"`{key}` has weights that are not finite") for key in bad])
