"""The passes that a model goes through before its bytes are laid out, in their order."""

from collections.abc import Callable
from dataclasses import dataclass

from qdsl.ir.model import Model
from qdsl.passes.fold_batch_norm import fold_batch_norm


@dataclass(frozen=True, slots=True)
class Pass:
    """A function of models that returns a new one; `name` is shown where passes are listed."""

    name: str
    apply: Callable[[Model], Model]


PASSES: tuple[Pass, ...] = (Pass("fold-batch-norm", fold_batch_norm),)


def run_passes(model: Model) -> Model:
    """The model after all passes: what is sized and packed."""
    for step in PASSES:
        model = step.apply(model)
    return model
