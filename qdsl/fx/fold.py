"""Folds the statistics of batch norms into the layers before them, or into scale and shift."""

import torch
from torch import Tensor

from qdsl.fx.program import Program
from qdsl.ir.flat import graphs
from qdsl.ir.model import Model, join, state_key
from qdsl.ir.op import BatchNorm

State = dict[str, Tensor]


@torch.no_grad()
def folded_state(program: Program) -> State:
    """The state of the model after passes, from that of a float program.

    With k = γ / sqrt(variance + ε): weight·k and (bias - mean)·k + β for a folded norm, weight = k
    and bias = β - mean·k for one that stays; computed in float64, rounded once.
    """
    source, target = program.ir, program.packed_ir
    state = {k: v.detach().clone() for k, v in program.state_dict().items()}
    into = {fold.norm: fold.into for fold in target.folds}
    kept = {s.path for s in target.storages}
    for norm, eps in _norms(source).items():
        if norm not in into and join(norm, "running_var") in kept:
            continue
        scale, shift = _scale_and_shift(state, state_key(norm), eps)
        if norm in into:
            _fold(state, state_key(into[norm]), scale, shift)
        else:
            state[join(state_key(norm), "weight")] = scale.float()
            state[join(state_key(norm), "bias")] = shift.float()
    return {state_key(path): state[state_key(path)] for path in sorted(kept)}


def _norms(model: Model) -> dict[str, float]:
    """Path and ε of each batch norm."""
    nodes = (flat for graph in graphs(model) for flat in graph.nodes)
    return {f.path: f.node.op.eps for f in nodes if isinstance(f.node.op, BatchNorm)}


def _scale_and_shift(state: State, norm: str, eps: float) -> tuple[Tensor, Tensor]:
    weight, bias, mean, variance = (
        state[join(norm, n)].double() for n in ("weight", "bias", "running_mean", "running_var")
    )
    scale = weight / (variance + eps).sqrt()
    return scale, bias - mean * scale


def _fold(state: State, layer: str, scale: Tensor, shift: Tensor) -> None:
    weight = state[join(layer, "weight")].double()
    rows = scale.view(-1, *(1,) * (weight.dim() - 1))
    bias = state.get(join(layer, "bias"), torch.zeros_like(scale)).double()
    state[join(layer, "weight")] = (weight * rows).float()
    state[join(layer, "bias")] = (bias * scale + shift).float()
