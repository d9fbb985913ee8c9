"""Sums over the alignments of a transducer: the lattice of frames and label positions.

The lattice and its recursions are those of Graves, "Sequence Transduction with Recurrent Neural
Networks" (2012), section 2.4; cells with equal frame + label index (an anti-diagonal) depend only
on the previous anti-diagonal, so each of them is one vector step.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

NEVER = float("-inf")


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """The cells (frame, labels emitted) of a batch of utterances, S frames and U labels padded.

    inside bool[B, S, U + 1]: cells within both lengths; emits: those with a label left to emit;
    symbols i64[B, U + 1]: that label, blank where there is none.
    """

    inside: Tensor
    emits: Tensor
    symbols: Tensor
    frames: Tensor
    labels: Tensor
    blank: int

    @classmethod
    def of(
        cls,
        targets: Tensor,
        frames: Tensor,
        labels: Tensor,
        *,
        steps: int,
        blank: int,
        windows: Tensor | None = None,
    ) -> "Lattice":
        """targets i64[B, U], lengths i64[B] within `steps` and U, windows i64[B, U, 2] or none.

        Raises ValueError when shapes or lengths do not fit.
        """
        _check(targets, frames, labels, steps)
        frame = torch.arange(steps, device=targets.device)[:, None] < frames[:, None, None]
        state = torch.arange(targets.shape[1] + 1, device=targets.device)
        emits = frame & (state < labels[:, None, None])
        if windows is not None:
            emits = emits & _within(windows, steps)
        symbols = torch.nn.functional.pad(targets, (0, 1), value=blank)
        symbols = symbols.where(state < labels[:, None], blank)
        inside = frame & (state <= labels[:, None, None])
        return cls(inside, emits, symbols, frames, labels, blank)

    def log_probs(self, logits: Tensor, start: int = 0) -> Tensor:
        """log_softmax in f64 of the logits [B, part, U + 1, V] of the frames from `start` on.

        What lies outside the lattice is not read, and gets a gradient of zero.
        """
        inside = self.inside[:, start : start + logits.shape[1]]
        return logits.masked_fill(~inside[..., None], 0.0).double().log_softmax(-1)

    def index(self, frames: int) -> Tensor:
        """The symbols as an index i64[B, frames, U + 1, 1] into the last axis of logits."""
        batch, states = self.symbols.shape
        return self.symbols[:, None, :, None].expand(batch, frames, states, 1)

    def arcs(self, log_probs: Tensor) -> tuple[Tensor, Tensor]:
        """What blank and the next label cost in each cell, f64[B, part, U + 1] twice."""
        move = log_probs.gather(-1, self.index(log_probs.shape[1]))[..., 0]
        return log_probs[..., self.blank], move

    def posteriors(self, stay: Tensor, move: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probability f64[B] of all alignments, and of each arc its share of them.

        stay and move f64[B, S, U + 1] are what `arcs` gives for all frames; so are the shares.
        """
        steps = stay.shape[1]
        stay = _skew(stay.masked_fill(~self.inside, NEVER))  # [S + U, B, U + 1]
        move = _skew(move.masked_fill(~self.emits, NEVER))
        alpha, beta = _forward(stay, move), _backward(stay, move, self._end(stay))
        total = beta[0, :, 0]
        by_blank = _occupancy(alpha, stay, beta[1:], total, steps)
        by_label = _occupancy(alpha, move, beta[1:].roll(-1, 2), total, steps)
        return total, by_blank, by_label

    def log_likelihood(self, stay: Tensor, move: Tensor) -> Tensor:
        """Log-probability f64[B] of all alignments, differentiable by stay and move."""
        total: Tensor = _Sum.apply(stay, move, self)  # type: ignore[no-untyped-call]
        return total

    def _end(self, stay: Tensor) -> Tensor:
        """0 at the node after each utterance's last blank, else -inf: [S + U + 1, B, U + 1]."""
        diagonals, batch, states = stay.shape
        end = stay.new_full((diagonals + 1, batch, states), NEVER)
        rows = torch.arange(batch, device=stay.device)
        end[self.frames + self.labels, rows, self.labels] = 0.0
        return end


def precision(values: Tensor) -> torch.dtype:
    """The dtype of a loss of these values: f32 at least."""
    return torch.promote_types(values.dtype, torch.float32)


class _Sum(torch.autograd.Function):
    """The sum over alignments; its gradient are the shares of the arcs."""

    @staticmethod
    def forward(ctx: Any, stay: Tensor, move: Tensor, lattice: Lattice) -> Tensor:
        total, by_blank, by_label = lattice.posteriors(stay, move)
        ctx.save_for_backward(by_blank, by_label)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        by_blank, by_label = ctx.saved_tensors
        grad = grad[:, None, None]
        return by_blank * grad, by_label * grad, None


def _check(targets: Tensor, frames: Tensor, labels: Tensor, steps: int) -> None:
    batch, most = targets.shape
    if frames.shape != (batch,) or labels.shape != (batch,):
        raise ValueError(f"lengths are not of shape {(batch,)}")
    if batch and not (1 <= int(frames.min()) and int(frames.max()) <= steps):
        raise ValueError(f"frame lengths lie outside 1..{steps}")
    if batch and not (0 <= int(labels.min()) and int(labels.max()) <= most):
        raise ValueError(f"target lengths lie outside 0..{most}")


def _within(windows: Tensor, steps: int) -> Tensor:
    """Whether a frame lies in the window of a label: bool[B, S, U + 1]."""
    frame = torch.arange(steps, device=windows.device)[:, None]
    first, last = torch.nn.functional.pad(windows, (0, 0, 0, 1))[:, None].unbind(-1)
    return (frame >= first) & (frame <= last)


def _skew(cells: Tensor) -> Tensor:
    """[B, S, U + 1] to [S + U, B, U + 1]: row n holds the cells whose frame + label is n."""
    batch, steps, states = cells.shape
    frame = torch.arange(steps + states - 1, device=cells.device)[:, None]
    frame = frame - torch.arange(states, device=cells.device)  # [S + U, U + 1]
    outside = (frame < 0) | (frame >= steps)
    index = frame.clamp(0, steps - 1).expand(batch, -1, -1)
    return cells.gather(1, index).masked_fill(outside, NEVER).transpose(0, 1).contiguous()


def _forward(stay: Tensor, move: Tensor) -> Tensor:
    """Log-probability of reaching each cell from the start: [S + U, B, U + 1]."""
    row = torch.full_like(stay[0], NEVER)
    row[:, 0] = 0.0
    rows = [row]
    for by_blank, by_label in zip(stay[:-1], move[:-1], strict=True):
        moved = torch.nn.functional.pad((row + by_label)[:, :-1], (1, 0), value=NEVER)
        row = torch.logaddexp(row + by_blank, moved)
        rows.append(row)
    return torch.stack(rows)


def _backward(stay: Tensor, move: Tensor, end: Tensor) -> Tensor:
    """Log-probability of reaching the end from each node: [S + U + 1, B, U + 1]."""
    row = end[-1]
    rows = [row]
    for by_blank, by_label, ends in zip(stay.flip(0), move.flip(0), end[:-1].flip(0), strict=True):
        moved = torch.nn.functional.pad(row[:, 1:], (0, 1), value=NEVER)
        onward = torch.logaddexp(row + by_blank, moved + by_label)
        row = torch.logaddexp(onward, ends)
        rows.append(row)
    return torch.stack(rows).flip(0)


def _occupancy(alpha: Tensor, arc: Tensor, after: Tensor, total: Tensor, steps: int) -> Tensor:
    """Posterior probability of each arc, back in the frame-by-label layout [B, S, U + 1]."""
    posterior = (alpha + arc + after - total[:, None]).exp()
    posterior = posterior.masked_fill(torch.isneginf(total)[:, None], 0.0)
    states = arc.shape[2]
    diagonal = torch.arange(steps, device=arc.device)[:, None]
    diagonal = diagonal + torch.arange(states, device=arc.device)  # [S, U + 1]
    index = diagonal.expand(arc.shape[1], -1, -1)
    return posterior.transpose(0, 1).gather(1, index)
