"""Distils a transducer on three classes of each lattice cell: next label, blank, and the rest.

Panchapagesan et al., "Efficient Knowledge Distillation for RNN-Transducer Models" (arXiv
2011.06110): the divergence of whole distributions over the lattice would cost V numbers a cell.
"""

import torch
from torch import Tensor

from qdsl.train.lattice import Lattice, precision
from qdsl.train.losses.distillation import divergence
from qdsl.train.losses.rnnt_lean import Join
from qdsl.train.parts import by_parts

TINY = 1e-12


def transducer_divergences(
    join: Join,
    teacher_join: Join,
    frames: Tensor,
    states: Tensor,
    teacher_frames: Tensor,
    teacher_states: Tensor,
    targets: Tensor,
    frame_lengths: Tensor,
    target_lengths: Tensor,
    *,
    part: int,
    blank: int = 0,
    temperature: float = 1.0,
) -> Tensor:
    """Mean over the cells of each utterance's lattice of KL(teacher || student) f32[B], in nats.

    Inputs are as of `lean_rnnt_losses`, of student and teacher; the frames of both are as many.
    Logits are divided by the temperature before they become probabilities, the divergence is
    multiplied by its square. Cells behind the last label have two classes, blank and the rest.
    Only the student gets gradients. Raises ValueError when shapes or lengths do not fit.
    """
    if frames.shape[:2] != teacher_frames.shape[:2]:
        given = tuple(teacher_frames.shape[:2]), tuple(frames.shape[:2])
        raise ValueError(f"the teacher gives [B, S] {given[0]}, the student {given[1]}")
    lattice = Lattice.of(targets, frame_lengths, target_lengths, steps=frames.shape[1], blank=blank)

    def cells(start: int, mine: Tensor, other: Tensor) -> tuple[Tensor]:
        with torch.no_grad():
            wanted = teacher_join(other, teacher_states) / temperature
            wanted = three_way(lattice, lattice.log_probs(wanted, start), start)
        given = lattice.log_probs(join(mine, states) / temperature, start)
        return (divergence(wanted, three_way(lattice, given, start)),)

    both = [frames, teacher_frames.detach()]
    (apart,) = by_parts(cells, both, part, lambda mine, other: join(mine, states))
    apart = apart.masked_fill(~lattice.inside, 0.0).sum((1, 2))
    return (apart / lattice.inside.sum((1, 2)) * temperature**2).to(precision(frames))


def three_way(lattice: Lattice, log_probs: Tensor, start: int = 0) -> Tensor:
    """Log-probabilities f64[B, part, U + 1, 3] of next label, blank and the rest in each cell.

    Behind the last label the first is that of an impossible class, -inf.
    """
    stay, move = lattice.arcs(log_probs)
    emits = lattice.emits[:, start : start + stay.shape[1]]
    move = move.masked_fill(~emits, float("-inf"))
    rest = (1.0 - stay.exp() - move.exp()).clamp(min=TINY).log()
    return torch.stack([move, stay, rest], -1)
