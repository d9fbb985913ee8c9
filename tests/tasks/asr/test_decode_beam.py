"""Holds beam search to the full sum over alignments, where the beam is wide enough for all."""

import pytest
import torch
from torch import Tensor, nn

from qdsl.tasks.asr.decode import greedy
from qdsl.tasks.asr.decode_beam import Scored, beam_search
from qdsl.tasks.asr.entries import Carried, Prediction
from qdsl.train.losses.rnnt import rnnt_losses

VOCABULARY, WIDTH = 3, 6
STATE = Carried("f32", (WIDTH,))
KINDS = {
    "states": Prediction(1, (STATE,)),
    "window": Prediction(2),
    "labels": Prediction(),
}


class Transducer(nn.Module):
    """Random weights; the state is that of the last two labels, however they are handed over."""

    def __init__(self, seed: int, kind: str, *, scale: float = 1.0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.table = torch.randn(VOCABULARY, WIDTH, generator=generator)
        self.output = scale * torch.randn(WIDTH, VOCABULARY, generator=generator)
        self.kind = kind

    def encode(self, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return audio, lengths

    def predict(self, labels: Tensor) -> Tensor:
        x = self.table[nn.functional.pad(labels, (2, 0))]
        x[:, :2] = 0.0  # no label stands for what is before the first
        return x[:, 1:] + 0.5 * x[:, :-1]

    def step(self, labels: Tensor, *states: Tensor) -> object:
        x = self.table[labels]
        if self.kind == "window":
            return x[:, 1:] + 0.5 * x[:, :1]
        # the first call, with the blank that starts a sequence, leaves no trace
        x = torch.where(labels[..., None] == 0, 0.0, x)
        return x + 0.5 * states[0][:, None], x[:, 0]

    def join(self, frames: Tensor, states: Tensor) -> Tensor:
        return (frames[:, :, None] + states[:, None]).tanh() @ self.output


def speech(seed: int, *lengths: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(len(lengths), max(lengths), WIDTH, generator=generator), torch.tensor(
        lengths
    )


def full_sum(model: Transducer, audio: Tensor, length: int, ids: tuple[int, ...]) -> float:
    targets = torch.tensor([ids], dtype=torch.int64).reshape(1, -1)
    logits = model.join(audio[None, :length], model.predict(targets))
    lengths = torch.tensor([length]), torch.tensor([len(ids)])
    return -float(rnnt_losses(logits, targets, *lengths))


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_full_sums_where_nothing_is_pruned(kind: str) -> None:
    model = Transducer(0, kind)
    audio, lengths = speech(0, 2, 1)
    lists = beam_search(model, audio, lengths, prediction=KINDS[kind], beam=10_000, max_symbols=3)
    for row, found in enumerate(lists):
        assert len({h.ids for h in found}) == len(found)
        assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
        few = [h for h in found if len(h.ids) <= 3]  # one frame may hold all of these
        assert len(few) == 1 + 2 + 4 + 8
        for h in few:
            wanted = full_sum(model, audio[row], int(lengths[row]), h.ids)
            assert h.score == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_narrow_beam_finds_the_best_of_a_wide_one(kind: str) -> None:
    model = Transducer(1, kind, scale=3.0)
    audio, lengths = speech(1, 5, 3, 4)
    call = model, audio, lengths
    wide = beam_search(*call, prediction=KINDS[kind], beam=50)
    narrow = beam_search(*call, prediction=KINDS[kind], beam=4)
    assert [h[0].ids for h in narrow] == [h[0].ids for h in wide]
    assert [len(found) for found in narrow] == [4, 4, 4]
    for row, found in enumerate(narrow):
        for h in found:
            assert h.score <= full_sum(model, audio[row], int(lengths[row]), h.ids) + 1e-5


def test_utterances_do_not_touch_each_other() -> None:
    model = Transducer(2, "states")
    audio, lengths = speech(2, 6, 2, 4)
    together = beam_search(model, audio, lengths, prediction=KINDS["states"], beam=3)
    for row, length in enumerate(lengths.tolist()):
        (alone,) = beam_search(
            model,
            audio[row : row + 1, :length],
            lengths[row : row + 1],
            prediction=KINDS["states"],
            beam=3,
        )
        assert [h.ids for h in alone] == [h.ids for h in together[row]]


def test_equal_scores_are_ordered_by_ids() -> None:
    model = Transducer(3, "labels", scale=0.0)
    audio, lengths = speech(3, 1)
    (found,) = beam_search(model, audio, lengths, prediction=KINDS["labels"], beam=5)
    assert [h.ids for h in found] == [(), (1,), (2,), (1, 1), (1, 2)]
    third = float(torch.tensor(1 / 3, dtype=torch.double).log())
    assert found[1] == Scored((1,), pytest.approx(2 * third))


def test_labels_of_one_frame_are_bounded() -> None:
    model = Transducer(4, "labels", scale=0.0)
    audio, lengths = speech(4, 1)
    (found,) = beam_search(
        model, audio, lengths, prediction=KINDS["labels"], beam=100, max_symbols=2
    )
    assert max(len(h.ids) for h in found) == 2


@pytest.mark.parametrize("seed", range(5))
def test_greedy_decoding_is_the_same_for_all_predictors(seed: int) -> None:
    audio, lengths = speech(seed, 9, 4, 7)
    found = [
        greedy(Transducer(seed, kind, scale=2.0), audio, lengths, prediction=prediction)
        for kind, prediction in KINDS.items()
    ]
    assert found[0] == found[1] == found[2]
    assert sum(map(len, found[0])) > 3
