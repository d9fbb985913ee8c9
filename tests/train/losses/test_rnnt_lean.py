"""Holds the loss by parts to the plain one, and its memory to one part."""

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from qdsl.fx import scores
from qdsl.fx.observer import Observer
from qdsl.fx.observing import observing_paused
from qdsl.ir.format import IntegerGrid, StaticFormat
from qdsl.ir.ranges import Range
from qdsl.train.losses.rnnt import rnnt_losses
from qdsl.train.losses.rnnt_lean import lean_rnnt_losses

BATCH, FRAMES, LABELS, WIDTH, VOCABULARY = 2, 7, 3, 5, 50
TARGETS = torch.tensor([[1, 3, 2], [2, 2, 99]])
LENGTHS = torch.tensor([7, 4]), torch.tensor([3, 2])


class Joint(nn.Module):
    """Additive; with `hat`, log-probabilities of a blank apart from the labels (2003.07705)."""

    def __init__(self, *, hat: bool = False) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.output = nn.Linear(WIDTH, VOCABULARY)
        self.hat = hat

    def forward(self, frames: Tensor, states: Tensor) -> Tensor:
        x: Tensor = self.output((frames[:, :, None] + states[:, None]).tanh())
        if not self.hat:
            return x
        blank = x[..., :1]
        labels = x[..., 1:].log_softmax(-1) + nn.functional.logsigmoid(-blank)
        return torch.cat((nn.functional.logsigmoid(blank), labels), -1)


@pytest.fixture
def inputs() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    frames = torch.randn(BATCH, FRAMES, WIDTH, requires_grad=True)
    return frames, torch.randn(BATCH, LABELS + 1, WIDTH, requires_grad=True)


@pytest.mark.parametrize("hat", [False, True])
@pytest.mark.parametrize("part", [1, 3, 7, 100])
def test_equals_the_plain_loss(inputs: tuple[Tensor, Tensor], part: int, hat: bool) -> None:
    joint = Joint(hat=hat)
    weights = torch.tensor([0.3, 0.7])  # of the utterances
    wanted = [*inputs, *joint.parameters()]
    plain = rnnt_losses(joint(*inputs), TARGETS, *LENGTHS)
    lean = lean_rnnt_losses(joint, *inputs, TARGETS, *LENGTHS, part=part)
    torch.testing.assert_close(lean, plain)
    expected = torch.autograd.grad(plain @ weights, wanted)
    actual = torch.autograd.grad(lean @ weights, wanted)
    for found, right in zip(actual, expected, strict=True):
        torch.testing.assert_close(found, right)


def test_log_probabilities_of_a_hat_joint_are_what_the_loss_makes_of_them(
    inputs: tuple[Tensor, Tensor],
) -> None:
    log_probs = Joint(hat=True)(*inputs)
    torch.testing.assert_close(log_probs.log_softmax(-1), log_probs)


class Largest(TorchDispatchMode):
    """Keeps the number of elements of the largest tensor that any operation gave."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        found = result if isinstance(result, tuple | list) else (result,)
        sizes = [x.numel() for x in found if isinstance(x, Tensor)]
        self.elements = max(self.elements, *sizes, 0) if sizes else self.elements
        return result


@pytest.mark.parametrize("part", [1, 2, 7])
def test_no_tensor_is_larger_than_the_logits_of_a_part(
    inputs: tuple[Tensor, Tensor], part: int
) -> None:
    joint = Joint()
    with Largest() as seen:
        lean_rnnt_losses(joint, *inputs, TARGETS, *LENGTHS, part=part).sum().backward()
    assert seen.elements == BATCH * part * (LABELS + 1) * VOCABULARY


def test_only_the_arcs_are_kept_for_the_backward_pass(inputs: tuple[Tensor, Tensor]) -> None:
    kept: list[int] = []

    def pack(x: Tensor) -> Tensor:
        kept.append(x.numel())
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        lean_rnnt_losses(Joint(), *inputs, TARGETS, *LENGTHS, part=2)
    assert max(kept) < BATCH * 2 * (LABELS + 1) * VOCABULARY


def test_half_precision_is_for_the_joint_alone(inputs: tuple[Tensor, Tensor]) -> None:
    joint = Joint()
    with torch.autocast("cpu", torch.bfloat16):
        half = [x.bfloat16() for x in inputs]
        lean = lean_rnnt_losses(joint, *half, TARGETS, *LENGTHS, part=2)
        plain = rnnt_losses(joint(*half), TARGETS, *LENGTHS)
    assert lean.dtype == plain.dtype == torch.float32
    torch.testing.assert_close(lean, plain)
    lean.sum().backward()
    assert joint.output.weight.grad is not None
    assert joint.output.weight.grad.dtype == torch.float32


class Observed(Joint):
    """Rounds what enters its output; masks of that rank by what it has met."""

    def __init__(self) -> None:
        super().__init__()
        self.range = Observer(Range("joint", "input", StaticFormat(IntegerGrid(8))))
        self.sums = torch.zeros(1, WIDTH)

    def forward(self, frames: Tensor, states: Tensor) -> Tensor:
        x = self.range((frames[:, :, None] + states[:, None]).tanh())
        return self.output(scores.observe(x, self.sums, self.training))


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("part", [1, 2, 3, 7])
def test_a_step_is_observed_once(
    inputs: tuple[Tensor, Tensor], part: int, gradients: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []
    observe = Observer.observe

    def counting(observer: Observer, x: Tensor) -> None:
        seen.append(x)
        observe(observer, x)

    monkeypatch.setattr(Observer, "observe", counting)
    joint, once = Observed(), Observed()
    with torch.set_grad_enabled(gradients):
        lean = lean_rnnt_losses(joint, *inputs, TARGETS, *LENGTHS, part=part)
    if gradients:
        lean.sum().backward()
    (shown,) = seen
    assert shown.shape == (BATCH, part, LABELS + 1, WIDTH)
    torch.testing.assert_close(joint.sums[0], shown.abs().sum((0, 1, 2)), rtol=0.01, atol=0)
    # the loss is that of all frames in the range that was found
    observe(once.range, shown)
    with observing_paused():
        plain = rnnt_losses(once(*inputs), TARGETS, *LENGTHS)
    torch.testing.assert_close(lean, plain)
    assert joint.range.range_max == once.range.range_max


def test_weights_that_are_observed_in_half_precision_get_gradients(
    inputs: tuple[Tensor, Tensor],
) -> None:
    joint = Observed()
    with torch.autocast("cpu", torch.bfloat16):
        lean_rnnt_losses(joint, *inputs, TARGETS, *LENGTHS, part=2).sum().backward()
    assert joint.output.weight.grad is not None
