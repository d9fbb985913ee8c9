"""Checks greedy decoding against a frame-by-frame loop, on random transducers."""

import pytest
import torch
from torch import Tensor, nn

from qdsl.tasks.asr.decode import greedy, hypotheses
from qdsl.tasks.asr.entries import Carried, Prediction

WIDTH = 8
STEP = Prediction(1, (Carried("f32", (WIDTH,)), Carried("f32", (WIDTH,))))


class Transducer(nn.Module):
    """Random weights: encode halves the frames, the state is a leaky sum of embeddings."""

    def __init__(self, seed: int, *, blank_bias: float) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.table = torch.randn(5, WIDTH, generator=generator)
        self.output = torch.randn(WIDTH, 5, generator=generator)
        self.bias = torch.tensor([blank_bias, 0.0, 0.0, 0.0, 0.0])

    def encode(self, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return audio[:, ::2], (lengths + 1) // 2

    def predict(self, labels: Tensor) -> Tensor:
        raise AssertionError("decoding works through step")

    def step(self, labels: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = 0.5 * h + self.table[labels[:, 0]]
        c = c + 1
        return (h * c.cos())[:, None], h, c

    def join(self, frames: Tensor, states: Tensor) -> Tensor:
        return (frames[:, :, None] + states[:, None]).tanh() @ self.output + self.bias


def frame_by_frame(
    model: Transducer, audio: Tensor, length: int, max_symbols: int
) -> tuple[list[int], list[float]]:
    """One utterance, one decision at a time: the definition."""
    frames, ends = model.encode(audio[None, :length], torch.tensor([length]))
    state, h, c = model.step(torch.zeros(1, 1, dtype=torch.int64), *torch.zeros(2, 1, WIDTH))
    ids: list[int] = []
    margins: list[float] = []
    for frame in range(int(ends[0])):
        for _ in range(max_symbols):
            logits = model.join(frames[:, frame : frame + 1], state)[0, 0, 0]
            top = logits.topk(2)
            margins.append(float(top.values[0] - top.values[1]))
            if top.indices[0] == 0:
                break
            ids.append(int(top.indices[0]))
            state, h, c = model.step(top.indices[:1, None], h, c)
    return ids, margins


@pytest.mark.parametrize("max_symbols", [1, 2, 3])
@pytest.mark.parametrize("blank_bias", [-9.0, 0.0, 2.0, 4.0, 99.0])
@pytest.mark.parametrize("seed", range(4))
def test_equals_a_loop_over_frames(seed: int, blank_bias: float, max_symbols: int) -> None:
    model = Transducer(seed, blank_bias=blank_bias)
    lengths = torch.tensor([13, 1, 20, 8])
    audio = torch.randn(4, 20, WIDTH, generator=torch.Generator().manual_seed(seed))
    found = hypotheses(
        model, audio, lengths, prediction=STEP, max_symbols=max_symbols, margins=True
    )
    for row, hypothesis in enumerate(found):
        ids, margins = frame_by_frame(model, audio[row], int(lengths[row]), max_symbols)
        assert hypothesis.ids == ids
        assert hypothesis.margins == pytest.approx(margins, abs=1e-5)


def test_symbols_of_one_frame_are_bounded() -> None:
    model = Transducer(0, blank_bias=-99.0)
    found = greedy(model, torch.zeros(1, 6, WIDTH), torch.tensor([6]), prediction=STEP)
    assert len(found[0]) == 3 * 4


def test_margins_are_left_out_unless_asked_for() -> None:
    model = Transducer(0, blank_bias=0.0)
    found = hypotheses(model, torch.zeros(1, 6, WIDTH), torch.tensor([6]), prediction=STEP)
    assert found[0].margins == []
