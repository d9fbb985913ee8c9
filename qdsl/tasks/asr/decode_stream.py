"""Decodes speech as it comes in: chunks go in, ids come out, and the state is a value."""

from dataclasses import dataclass

import torch
from torch import Tensor

from qdsl.fx.program import Program
from qdsl.tasks.asr.decode import MAX_SYMBOLS, Hypothesis, follow
from qdsl.tasks.asr.entries import chunk_states, prediction_of
from qdsl.tasks.asr.predictor import Cursor, Predictor


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """What is known of B utterances so far: what the encoder and the prediction network carry.

    It is never changed: a stream may be gone on from more than once.
    """

    encoder: tuple[Tensor, ...]
    cursor: Cursor


class Streaming:
    """A transducer that hears utterances piece by piece.

    What it says of frames is what greedy decoding says of them at once, wherever they were cut.
    Raises QdslError (Q730) where the model lacks an entry.
    """

    def __init__(self, model: Program, *, max_symbols: int = MAX_SYMBOLS) -> None:
        self.model, self.max_symbols = model, max_symbols
        self.predictor = Predictor(model, prediction_of(model.ir))
        names = [e.name for e in model.ir.entries]
        self.carried = chunk_states(model.ir) if "encode_chunk" in names else None

    @torch.no_grad()
    def start(self, batch: int = 1) -> Stream:
        """Before the first chunk of `batch` utterances."""
        encoder = tuple(s.zeros(batch) for s in self.carried or ())
        return Stream(encoder, self.predictor.start(batch))

    @torch.no_grad()
    def hear(self, stream: Stream, audio: Tensor) -> tuple[Stream, list[list[int]]]:
        """Takes features f32[B, T, bins] through the entry `encode_chunk`; new ids of each."""
        if self.carried is None:
            chunk_states(self.model.ir)  # raises, with what is missing
        frames, *encoder = self.model.entry("encode_chunk")(audio, *stream.encoder)
        return self.follow(Stream(tuple(encoder), stream.cursor), frames)

    @torch.no_grad()
    def follow(self, stream: Stream, frames: Tensor) -> tuple[Stream, list[list[int]]]:
        """Takes frames f32[B, S, d] that an encoder gave; new ids of each utterance."""
        found = [Hypothesis() for _ in frames]
        ends = torch.full((len(frames),), frames.shape[1], dtype=torch.int64)
        cursor = follow(
            self.predictor, stream.cursor, frames, ends, found, max_symbols=self.max_symbols
        )
        return Stream(stream.encoder, cursor), [h.ids for h in found]
