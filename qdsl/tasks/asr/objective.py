"""Says what a transducer is trained to make small."""

from typing import cast

from torch import Tensor, nn

from qdsl.tasks.asr.data import Batch
from qdsl.tasks.asr.decode import Recognizer
from qdsl.tasks.asr.tokens import BLANK
from qdsl.train.losses.rnnt import rnnt_loss


def transducer(model: nn.Module, batch: Batch) -> Tensor:
    """Transducer loss f32[] of a batch, in nats per word.

    `model` offers the entries of a Recognizer. Dividing by the words, not the utterances, gives
    a batch of single digits and one of strings of seven the same weight.
    """
    entries = cast(Recognizer, model)
    frames, lengths = entries.encode(batch.audio, batch.lengths)
    logits = entries.join(frames, entries.predict(batch.history))
    loss = rnnt_loss(logits, batch.targets, lengths, batch.target_lengths, blank=BLANK)
    return loss * len(batch.targets) / batch.target_lengths.sum()
