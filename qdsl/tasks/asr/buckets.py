"""Puts utterances of about equal length into batches, in an order that the step alone decides."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

JITTER = 0.1
"""By which share of itself a length is changed before sorting: other neighbours in each epoch."""


@dataclass(slots=True)
class Buckets:
    """Batches of `size` utterances; in an epoch each utterance is in one, some may be in two."""

    lengths: Sequence[float]
    size: int
    seed: int
    _epoch: tuple[int, list[NDArray[np.int64]]] | None = field(default=None, init=False)

    def batch(self, number: int) -> list[int]:
        """The utterances of a batch: a function of the fields and the number alone."""
        epoch, place = divmod(number, -(-len(self.lengths) // self.size))
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = epoch, self._batches(epoch)
        return [int(i) for i in self._epoch[1][place]]

    def _batches(self, epoch: int) -> list[NDArray[np.int64]]:
        rng = np.random.default_rng((self.seed, epoch))
        count, size = len(self.lengths), min(self.size, len(self.lengths))
        lengths = np.array(self.lengths) * rng.uniform(1 - JITTER, 1 + JITTER, size=count)
        order = np.argsort(lengths, kind="stable")
        starts = [min(start, count - size) for start in range(0, count, self.size)]
        return [order[starts[i] :][:size] for i in rng.permutation(len(starts))]
