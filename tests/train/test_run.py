"""Runs short recipes: stages in order, what each leaves, and runs that are broken off."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from qdsl.diagnostic.model import QdslError
from qdsl.recipes.model import Recipe, Stage
from qdsl.train.curve import read_curve
from qdsl.train.objective import _mean_squares
from qdsl.train.replicas import Replicas
from qdsl.train.run import Run, train
from qdsl.train.stages import is_quantized
from qdsl.train.steps import seed_step, seeded

STAGES = """
    stage float { steps = 5; ema = 0.9; lr = cosine(1e-2, warmup = 2) }
    stage sparse { steps = 4; mask = few_shot(shots = 2, every = 2); decay = 1e-3 }
    stage calibrate { steps = 2; calibrate = percentile(0.99) }
    stage qat {
        steps = 5
        freeze = [ranges]
        distill = stage(float, weight = 0.3, temperature = 2, match = [down])
    }
"""
MakeRun = Callable[..., Run]


class Stopped(Exception):
    """Stands for a machine that goes away in mid-training."""


def stopping(run: Run, after: int) -> Run:
    told: list[int] = []

    def watch(*_: object) -> None:
        told.append(1)
        if len(told) == after:
            raise Stopped

    return replace(run, watch=watch)


def test_stages_run_in_order(make_run: MakeRun) -> None:
    run = make_run(STAGES)
    program = train(run)
    points = read_curve(run.curve)
    names = [(p.stage, p.step) for p in points]
    counts = {"float": 5, "sparse": 4, "calibrate": 2, "qat": 5}
    assert names == [(n, i + 1) for n, count in counts.items() for i in range(count)]
    assert points[0].rate == pytest.approx(0.005)
    assert points[4].rate == 0
    assert is_quantized(program)
    assert not program.training
    assert all(observer.frozen for _, _, observer in program.ranges())
    assert program.pack(run.folder / "toy.qpack") > 0


def test_a_recipe_learns(make_run: MakeRun) -> None:
    run = make_run("stage float { steps = 60 }\n    stage qat { steps = 20 }", dropout=0.0)
    train(run)
    losses = [p.loss for p in read_curve(run.curve)]
    assert sum(losses[-5:]) < 0.75 * sum(losses[:5])


@pytest.mark.parametrize("after", [2, 5, 8, 10, 14, 16])
def test_a_run_that_was_broken_off_ends_as_a_whole_one(make_run: MakeRun, after: int) -> None:
    assert_resumes(make_run(STAGES, "whole"), make_run(STAGES, "broken"), after)


FORMATS = {
    "int4(group = 4, clip = learned)": "uint8(static, clip = learned)",
    "uint4(group = 4, asymmetric)": "uint8(static)",
    "ternary sparse 50%": "int8(dynamic, per = token)",
    "binary(group = 4)": "int8(static)",
    "nf4(group = 4)": "int8(static)",
    "kmeans3": "int8(static)",
    "bf16 sparse 1:4": "f32",
}


@pytest.mark.parametrize("after", [5, 9])
@pytest.mark.parametrize("up", FORMATS)
def test_what_quantizers_keep_is_resumed(make_run: MakeRun, up: str, after: int) -> None:
    """Between two stages, and in the midst of one."""
    stages = """
    stage float { steps = 2; optimizer = sgd }
    stage sparse { steps = 2; mask = every_step }
    stage qat { steps = 6; score = activation; mask = gradual(steps = 5, every = 2) }
"""
    given = {"up": up, "activations": FORMATS[up]}
    assert_resumes(make_run(stages, "whole", **given), make_run(stages, "broken", **given), after)


def assert_resumes(whole: Run, broken: Run, after: int) -> None:
    """Breaks one of two equal runs off and goes on with it."""
    expected = train(whole).state_dict()
    with pytest.raises(Stopped):
        train(stopping(broken, after))
    torch.manual_seed(99)
    found = train(broken).state_dict()
    assert read_curve(broken.curve) == read_curve(whole.curve)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(found[key], value), key


def test_what_is_done_is_not_done_again(make_run: MakeRun) -> None:
    run = make_run("stage qat { steps = 2 }")
    train(run)
    train(stopping(run, 1))
    assert len(read_curve(run.curve)) == 2


def test_another_training_is_not_gone_on_from(make_run: MakeRun) -> None:
    run = make_run("stage qat { steps = 2 }", identity="one")
    train(run)
    with pytest.raises(QdslError, match="Q740"):
        train(replace(run, identity="two"))


def test_a_loss_that_is_not_finite_stops_the_run(make_run: MakeRun) -> None:
    fast = "lr = 9e5; optimizer = adamw(weight_decay = 9e5)"
    run = make_run(f"stage float {{ steps = 9; {fast}; clip_gradient = 0 }}")
    with pytest.raises(QdslError, match=r"Q716\] the (loss|gradient) of step \d of stage `float`"):
        train(run)


def test_a_value_that_nobody_computes_is_told(make_run: MakeRun) -> None:
    stages = (
        "stage float { steps = 1 }\n stage qat { steps = 1; distill = stage(float, match = [x]) }"
    )
    run = make_run(stages)
    with pytest.raises(QdslError, match="Q742"):
        train(run)
    assert not run.folder.exists(), "before anything is trained"


def test_values_of_other_shapes_are_told() -> None:
    for own, other in (((3, 8), (3, 16)), ((3, 8), (3, 1))):
        with pytest.raises(QdslError, match=r"Q742\] `up`"):
            _mean_squares({"up": [torch.ones(own)]}, {"up": [torch.ones(other)]})


def test_a_stage_leaves_the_average(make_run: MakeRun) -> None:
    """With a momentum of 1 it is n / (n + 9) that holds the average back."""
    averaged = train(make_run("stage float { steps = 4; ema = 1 }", "a", dropout=0.0))
    plain = train(make_run("stage float { steps = 4 }", "b", dropout=0.0))
    start = make_run("stage float { steps = 4 }").program()
    keys = ("output.weight", "embedding.weight")
    for key in keys:
        a, b = (p.state_dict()[key] - start.state_dict()[key] for p in (averaged, plain))
        assert 0 < a.norm() < b.norm()


def test_half_precision_is_near_full_precision(make_run: MakeRun) -> None:
    full, half = (
        make_run(f"stage qat {{ steps = 4; precision = {p} }}", p, dropout=0.0)
        for p in ("f32", "bf16")
    )
    train(full)
    train(half)
    a, b = ([p.loss for p in read_curve(run.curve)] for run in (full, half))
    assert a != b
    assert a == pytest.approx(b, abs=0.05)


def test_masks_stand_after_the_stage_that_chose_them(make_run: MakeRun) -> None:
    first = "stage sparse { steps = 2; mask = one_shot }"
    short = train(make_run(first, "a"))
    long = train(make_run(first + "\n    stage qat { steps = 6 }", "b"))
    assert torch.equal(
        short.state_dict()["up.weight.q.mask"], long.state_dict()["up.weight.q.mask"]
    )


def test_frozen_masks_stay(make_run: MakeRun) -> None:
    stages = """
    stage sparse { steps = 2; mask = every_step }
    stage qat { steps = 4; lr = 0.1; mask = every_step; freeze = [%s] }
"""
    masks = []
    for freeze in ("masks", ""):
        run = make_run(stages % freeze, f"run{freeze}")
        train(run)
        before = train(replace(run, folder=run.folder / "first", recipe=first_of(run)))
        after = train(run)
        masks.append([p.state_dict()["up.weight.q.mask"] for p in (before, after)])
    (a, b), (c, d) = masks
    assert torch.equal(a, b)
    assert not torch.equal(c, d)


def first_of(run: Run) -> Recipe:
    """The recipe without its last stage."""
    return replace(run.recipe, stages=run.recipe.stages[:-1])


@pytest.mark.parametrize("noise", ["uniform", "gaussian"])
def test_noise_stands_in_for_rounding(make_run: MakeRun, noise: str) -> None:
    """The stage has other losses than with rounding; what it leaves is rounded."""
    curves = []
    for word in ("none", noise):
        run = make_run(f"stage qat {{ steps = 3; noise = {word} }}", word, dropout=0.0)
        program = train(run)
        assert {q.rounding for _, q, _ in program.quantizers()} == {"round"}
        curves.append([p.loss for p in read_curve(run.curve)])
    assert curves[0] != curves[1]
    assert curves[0] == pytest.approx(curves[1], rel=0.05)


def test_weights_are_rounded_in_full_precision(make_run: MakeRun) -> None:
    program = make_run("stage qat { steps = 1 }").program().to_qat().eval()
    for _, quantizer, weight in program.quantizers():
        expected = quantizer(weight)
        with torch.autocast("cpu", torch.bfloat16), torch.enable_grad():
            assert torch.equal(quantizer(weight), expected)


def test_stages_and_seeds_have_random_numbers_of_their_own(make_run: MakeRun) -> None:
    """Of batches and of dropout; a rate of 0 leaves nothing else to differ."""
    stages = "stage float { steps = 2; lr = 0 }\n    stage sparse { steps = 2; lr = 0 }"
    losses = {}
    for name, dropout, seed in (("a", 0.0, 0), ("b", 0.5, 0), ("c", 0.0, 1), ("again", 0.0, 1)):
        run = make_run(stages, name, dropout=dropout, seed=seed)
        train(run)
        losses[name] = [p.loss for p in read_curve(run.curve)]
        assert len(set(losses[name])) == 4
    assert losses["a"] != losses["c"] == losses["again"]


def test_seeds_of_any_size_are_mixed() -> None:
    stage = Stage("qat", 1, seed=7)
    assert seeded(stage, 0, 0).seed == 7
    found = {seeded(stage, seed, n).seed for seed in (0, 1, -1, 10**30) for n in range(3)}
    assert len(found) == 12
    for seed in found:
        seed_step(replace(stage, seed=seed), 10**9, Replicas())


def test_frozen_statistics_stay(make_run: MakeRun) -> None:
    run = make_run("stage float { steps = 3; freeze = [statistics] }")
    start = run.program()
    moved = start.get_buffer("norm.running_mean").add_(1.0).clone()
    train(replace(run, program=lambda: start))
    assert torch.equal(start.get_buffer("norm.running_mean"), moved)
