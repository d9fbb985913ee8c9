"""Looks at what a program does in a stage, by what the stage says."""

from collections.abc import Callable

import pytest
import torch

from qdsl.fx.program import Program
from qdsl.fx.trained import TrainedLayers
from qdsl.train.objective import Objective
from qdsl.train.replicas import Replicas
from qdsl.train.run import Run
from qdsl.train.stages import enter, is_quantized, leave
from qdsl.train.steps import Steps
from qdsl.train.task import Share

Entered = Callable[..., Program]


@pytest.fixture
def entered(make_run: Callable[..., Run]) -> Entered:
    """`entered(stages)`: the program in the last of them; ranges have seen values before it."""

    def make(stages: str) -> Program:
        run = make_run(stages)
        program, *rest = run.program(), *run.recipe.stages
        for number, stage in enumerate(rest):
            program = enter(program, stage, rest[:number]).train()
            program.score(torch.arange(40).view(4, 10))
        return program

    return make


def rounds(program: Program) -> bool:
    """Whether activations are rounded."""
    assert isinstance(program.lowering, TrainedLayers)
    return program.lowering.rounds


def weights(program: Program) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of a layer: the parameter, what is multiplied with, and the mask."""
    ((quantizer, weight),) = [(q, w) for key, q, w in program.quantizers() if key == "up.weight"]
    assert quantizer.mask is not None
    return weight, quantizer(weight), quantizer.mask


def test_a_float_stage_keeps_the_float_program(entered: Entered) -> None:
    assert not is_quantized(entered("stage float { steps = 1 }"))
    assert is_quantized(entered("stage other { steps = 1 }"))


def test_a_sparse_stage_masks_and_rounds_nothing(entered: Entered) -> None:
    program = entered("stage sparse { steps = 1; mask = every_step }")
    weight, used, mask = weights(program)
    assert torch.equal(used, weight * mask)
    assert mask.float().mean() == 0.5
    assert not rounds(program)
    assert rounds(leave(program))
    weight, used, mask = weights(program)
    assert not torch.equal(used, weight * mask)


def test_masks_of_a_stage_without_any_are_those_before_it(entered: Entered) -> None:
    first = "stage sparse { steps = 1; mask = one_shot }"
    program = entered(first + "\n    stage qat { steps = 1 }")
    _, _, before = weights(program)
    with torch.no_grad():
        program.get_parameter("up.weight").neg_().add_(1)
    program.score(torch.arange(8).view(1, 8))
    _, _, after = weights(program)
    assert torch.equal(before, after)


def test_ranges_stand_where_a_stage_freezes_them(entered: Entered) -> None:
    follows = entered("stage a { steps = 1 }")
    stands = entered("stage a { steps = 1 }\n    stage b { steps = 1; freeze = [ranges] }")
    assert [o.frozen for _, _, o in follows.ranges()] == [False]
    assert [o.frozen for _, _, o in stands.ranges()] == [True]


def test_calibrated_ranges_stand_in_later_stages(entered: Entered) -> None:
    look = "stage look { steps = 1; calibrate = mse }\n"
    once = entered(look + "    stage a { steps = 1 }\n    stage b { steps = 1 }")
    assert [o.frozen for _, _, o in once.ranges()] == [True]
    again = entered(look + "    stage a { steps = 1 }\n    " + look.replace("look", "more"))
    assert [o.frozen for _, _, o in again.ranges()] == [False]


def test_a_learned_range_is_trained_after_its_calibration(make_run: Callable[..., Run]) -> None:
    stages = "stage look { steps = 1; calibrate = mse }\n    stage a { steps = 1 }"
    run = make_run(stages, activations="int8(static, clip = learned)")
    look, after = run.recipe.stages
    program = enter(run.program(), look).train()
    program.score(torch.arange(40).view(4, 10))
    assert [o.frozen for _, _, o in enter(program, after, [look]).ranges()] == [False]


@pytest.mark.parametrize(("mask", "moves"), [("every_step", True), ("one_shot", False)])
def test_masks_and_clips_of_averaged_weights(
    make_run: Callable[..., Run], mask: str, moves: bool
) -> None:
    run = make_run(f"stage a {{ steps = 1; mask = {mask}; ema = 0.9 }}")
    (stage,) = run.recipe.stages
    program = enter(run.program(), stage).train()
    objective = Objective(program, run.task(stage, Share()), stage, run.loss, None)
    steps = Steps(objective, stage, Replicas())
    program.score(torch.arange(40).view(4, 10))
    _, _, before = weights(program)
    assert steps._average is not None
    average = torch.randn_like(steps._average.values["up.weight"])
    steps._average.values["up.weight"].copy_(average)
    steps.end()
    ((quantizer, weight),) = [(q, w) for k, q, w in program.quantizers() if k == "up.weight"]
    assert torch.equal(weight, average)
    assert quantizer.mask is not None
    assert torch.equal(quantizer.mask, before) != moves
    assert quantizer.clip is not None
    found = quantizer.clip.clone()
    quantizer._update_clip(weight)
    assert torch.equal(quantizer.clip, found)
