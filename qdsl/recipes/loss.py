"""Defines losses and optimizers by name; what computes them stands with the training."""

from collections.abc import Iterator
from dataclasses import dataclass

from qdsl.recipes.option import Option, at_least, below, share


@dataclass(frozen=True)
class Ce(Option):
    """Cross entropy of the next token or the class."""

    smoothing: float = 0.0

    def faults(self) -> Iterator[str]:
        yield from share(smoothing=self.smoothing)


@dataclass(frozen=True)
class Ctc(Option):
    """Connectionist temporal classification (Graves et al., 2006)."""


@dataclass(frozen=True)
class Rnnt(Option):
    """The loss of the RNN transducer (arXiv 1211.3711)."""


@dataclass(frozen=True)
class Embr(Option):
    """Expected word errors over the n-best list, plus a share `mix` of the RNN-T loss."""

    beam: int = 4
    mix: float = 0.02

    def faults(self) -> Iterator[str]:
        yield from at_least(1, beam=self.beam)
        yield from share(mix=self.mix)


Loss = Ce | Ctc | Rnnt | Embr


@dataclass(frozen=True)
class Adamw(Option):
    """Adam with decoupled weight decay (arXiv 1711.05101)."""

    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.98

    def faults(self) -> Iterator[str]:
        yield from at_least(0, weight_decay=self.weight_decay, beta1=self.beta1, beta2=self.beta2)
        yield from below(1e6, weight_decay=self.weight_decay)
        yield from below(1, beta1=self.beta1, beta2=self.beta2)


@dataclass(frozen=True)
class Sgd(Option):
    """Stochastic gradient descent."""

    momentum: float = 0.9
    weight_decay: float = 0.0

    def faults(self) -> Iterator[str]:
        yield from share(momentum=self.momentum)
        yield from at_least(0, weight_decay=self.weight_decay)
        yield from below(1e6, weight_decay=self.weight_decay)


Optimizer = Adamw | Sgd
