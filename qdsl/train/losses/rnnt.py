"""Computes the RNN transducer loss, exactly, in plain torch.

The lattice and its recursions are those of Graves, "Sequence Transduction with Recurrent Neural
Networks" (2012), section 2.4; cells with equal frame + label index (an anti-diagonal) depend only
on the previous anti-diagonal, so each of them is one vector step.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

NEVER = float("-inf")


def rnnt_loss(
    logits: Tensor,
    targets: Tensor,
    frame_lengths: Tensor,
    target_lengths: Tensor,
    *,
    blank: int = 0,
    windows: Tensor | None = None,
) -> Tensor:
    """Mean over utterances of the negative log-probability of the targets, in nats.

    logits f32[B, S, U + 1, V] (unnormalised), targets i64[B, U] without blanks, frame_lengths
    i64[B] in 1..S, target_lengths i64[B] in 0..U; returns f32[]. What lies beyond a length
    (frames, label positions, target ids) is never read and gets a gradient of zero, whatever it
    holds. An utterance with no alignment of positive probability costs +inf, with gradient zero.

    With windows i64[B, U, 2] only those alignments count that emit label u in a frame from
    windows[..., 0] to windows[..., 1], both included (Mahadeokar et al., "Alignment Restricted
    Streaming Recurrent Neural Network Transducer", 2020).

    Raises ValueError when shapes or lengths do not fit.
    """
    _check(logits, targets, frame_lengths, target_lengths)
    arguments = logits, targets, frame_lengths, target_lengths, windows, blank
    per_utterance: Tensor = _Transducer.apply(*arguments)  # type: ignore[no-untyped-call]
    return per_utterance.mean()


def _check(logits: Tensor, targets: Tensor, frames: Tensor, labels: Tensor) -> None:
    batch, steps, states, _ = logits.shape
    if targets.shape != (batch, states - 1):
        raise ValueError(f"targets are {tuple(targets.shape)}, not {(batch, states - 1)}")
    if frames.shape != (batch,) or labels.shape != (batch,):
        raise ValueError(f"lengths are not of shape {(batch,)}")
    if batch and not (1 <= int(frames.min()) and int(frames.max()) <= steps):
        raise ValueError(f"frame lengths lie outside 1..{steps}")
    if batch and not (0 <= int(labels.min()) and int(labels.max()) < states):
        raise ValueError(f"target lengths lie outside 0..{states - 1}")


class _Transducer(torch.autograd.Function):
    """Loss per utterance, with the gradient from one forward and one backward recursion."""

    @staticmethod
    def forward(
        ctx: Any,
        logits: Tensor,
        targets: Tensor,
        frames: Tensor,
        labels: Tensor,
        windows: Tensor | None,
        blank: int,
    ) -> Tensor:
        batch, steps, states, _ = logits.shape
        frame = torch.arange(steps, device=logits.device)[:, None] < frames[:, None, None]
        state = torch.arange(states, device=logits.device)
        inside = frame & (state <= labels[:, None, None])  # [B, S, U + 1]
        emits = frame & (state < labels[:, None, None])
        if windows is not None:
            emits = emits & _within(windows, steps)
        log_probs = logits.masked_fill(~inside[..., None], 0.0).double().log_softmax(-1)
        index = torch.nn.functional.pad(targets, (0, 1), value=blank)
        index = index.where(state < labels[:, None], blank)[:, None, :, None]
        index = index.expand(batch, steps, states, 1)
        stay = log_probs[..., blank].masked_fill(~inside, NEVER)
        move = log_probs.gather(-1, index)[..., 0].masked_fill(~emits, NEVER)
        stay, move = _skew(stay), _skew(move)  # [S + U, B, U + 1]
        end = _end(frames, labels, stay)
        alpha, beta = _forward(stay, move), _backward(stay, move, end)
        total = beta[0, :, 0]
        ctx.save_for_backward(
            log_probs,
            index,
            _occupancy(alpha, stay, beta[1:], total, steps),
            _occupancy(alpha, move, beta[1:].roll(-1, 2), total, steps),
        )
        ctx.blank, ctx.dtype = blank, logits.dtype
        return -total.to(logits.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        log_probs, index, stay, move = ctx.saved_tensors
        gradient = log_probs.exp() * (stay + move)[..., None]
        gradient[..., ctx.blank] -= stay
        gradient.scatter_add_(-1, index, -move[..., None])
        return (gradient * grad[:, None, None, None]).to(ctx.dtype), None, None, None, None, None


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


def _end(frames: Tensor, labels: Tensor, stay: Tensor) -> Tensor:
    """0 at the node after each utterance's last blank, else -inf: [S + U + 1, B, U + 1]."""
    diagonals, batch, states = stay.shape
    end = stay.new_full((diagonals + 1, batch, states), NEVER)
    end[frames + labels, torch.arange(batch, device=stay.device), labels] = 0.0
    return end


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
