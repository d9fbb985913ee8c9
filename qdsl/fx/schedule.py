"""Says at which steps of a stage masks and clips are computed anew."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, assert_never

from qdsl.recipes.schedule import Cubic, EveryStep, FewShot, Gradual, Mask, OneShot

_WHOLE = Fraction(1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Steps are counted from 1 since the stage began; after `until` nothing is computed.

    mask: when masks are chosen; None: they stand as they are. score: what they rank weights by,
    |w|, or |w|·Σ|x| over the inputs that a weight has met in this stage (arXiv 2306.11695).
    """

    mask: Mask | None = EveryStep()
    score: Literal["magnitude", "activation"] = "magnitude"
    clip_every: int = 50
    until: int | None = None

    @property
    def starts_dense(self) -> bool:
        """Whether the stage begins with every weight kept: its first choice comes later."""
        match self.mask:
            case OneShot(at):
                return at > 0 and self.until != 0
            case Gradual() | Cubic():
                return self.until != 0
            case None | EveryStep() | FewShot():
                return False
            case _:
                assert_never(self.mask)

    @property
    def observes(self) -> bool:
        """Whether the inputs of layers are summed for the masks of the stage."""
        return self.score == "activation" and self.mask is not None and self.until != 0

    def clip_due(self, step: int) -> bool:
        return step % self.clip_every == 0 and not self._over(step)

    def progress(self, step: int) -> Fraction | None:
        """How much of what the pattern prunes is pruned by the mask chosen at that step.

        1 is all of it; None: no mask is chosen.
        """
        if self._over(step):
            return None
        match self.mask:
            case None:
                return None
            case EveryStep():
                return _WHOLE
            case OneShot(at):
                return _WHOLE if step == at + 1 else None
            case FewShot(shots, every):
                shot, rest = divmod(step - 1, every)
                return _WHOLE if rest == 0 and shot < shots else None
            case Gradual(steps, every):
                return _risen(step, steps, every)
            case Cubic(steps, every):
                risen = _risen(step, steps, every)
                return None if risen is None else 1 - (1 - risen) ** 3
            case _:
                assert_never(self.mask)

    def _over(self, step: int) -> bool:
        return self.until is not None and step > self.until


def _risen(step: int, steps: int, every: int) -> Fraction | None:
    """The share of `steps` that has passed, at each multiple of `every` and at the last."""
    if step > steps or (step % every and step != steps):
        return None
    return Fraction(step, steps)
