"""Checks quantizers in programs: learned scales, codebooks, noise in place of rounding."""

from copy import deepcopy

import pytest
import torch

from qdsl.fx import build, set_rounding
from qdsl.ir.pattern import NM
from qdsl.layers.linear import Linear

X = torch.randn(5, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def qat(make):
    """A layer 8 → 6 whose weight has that format."""

    def program(*words, **options):
        maker = make.maker({"up": Linear(8, 6)}, lambda path: make.format(*words, **options))
        maker.entry("forward", {"x": make.type("f32", "B", 8)}, lambda body, x: body.call("up", x))
        return build(maker.model()).to_qat()

    return program


@pytest.fixture
def learned(qat):
    return lambda: qat("int2", group=4, clip="learned", scale="f16", pattern=NM(2, 4))


def step(program, optimizer):
    optimizer.zero_grad()
    loss = program(X).square().mean()
    loss.backward()
    optimizer.step()
    return loss.item()


def weight_of(program):
    quantizer = program.get_submodule("up.weight:q")
    return quantizer(program.up.weight).detach()


def test_a_learned_scale_is_a_parameter_until_it_is_frozen(learned):
    program = learned()
    assert dict(program.named_parameters())["up.weight:q.scale"].shape == (6, 2)
    assert program.state_dict()["up.weight.q.scale"].shape == (6, 2)
    program.freeze()
    assert "up.weight:q.scale" not in dict(program.named_parameters())
    assert "up.weight.q.scale" in program.state_dict()


def test_training_moves_a_learned_scale_and_what_it_makes_of_the_weight(learned):
    program = learned().eval()
    scale, before = program.get_parameter("up.weight:q.scale"), weight_of(program)
    old = scale.detach().clone()
    step(program.train(), torch.optim.SGD([scale], 10.0))
    assert not torch.equal(scale, old)
    with torch.no_grad():
        assert not torch.equal(weight_of(program.eval()), before)
    program.get_submodule("up.weight:q").update(program.up.weight)
    assert not torch.equal(scale, old)  # found once, then learned


def test_a_new_step_sees_what_was_written_behind_the_version(qat):
    """As FSDP writes the weights that it gathers; decoding inside a step has no gradient."""
    program = qat("int4").eval()
    before = weight_of(program)
    with torch.no_grad():
        assert torch.equal(program.get_submodule("up.weight:q")(program.up.weight), before)
        program.up.weight.data.mul_(-1)
        program.get_submodule("up.weight:q").expect_step()
        assert not torch.equal(program.get_submodule("up.weight:q")(program.up.weight), before)


@pytest.mark.parametrize("key", ["up.weight.q.step", "up.weight"])
def test_a_step_goes_on_from_a_state_or_where_it_is(qat, key):
    program = qat("int4").train()
    optimizer = torch.optim.SGD(program.parameters(), 0.1)
    for _ in range(3):
        step(program, optimizer)
    kept = {k: v.clone() for k, v in program.state_dict().items()}
    for _ in range(2):
        step(program, optimizer)
    program.load_state_dict({key: kept[key]}, strict=False)
    step(program, optimizer)
    expected = 4 if key.endswith("step") else 6
    assert program.state_dict()["up.weight.q.step"] == expected
    assert deepcopy(program).get_buffer("up.weight:q.step") == expected


def test_freezing_keeps_the_parameter_for_what_comes_after(learned):
    program = learned()
    optimizer = torch.optim.SGD(program.parameters(), 0.1)
    step(program, optimizer)
    scale = program.get_parameter("up.weight:q.scale")
    value = scale.detach().clone()
    program.freeze()
    quantizer = program.get_submodule("up.weight:q")
    assert torch.equal(quantizer.scale, value.half().float())
    quantizer.unfreeze()
    assert program.get_parameter("up.weight:q.scale") is scale
    assert torch.equal(scale, value)
    step(program, optimizer)
    assert not torch.equal(scale, value)


@pytest.mark.parametrize("saved_frozen", [False, True])
@pytest.mark.parametrize("loaded_frozen", [False, True])
def test_states_with_learned_scales_are_loaded(learned, saved_frozen, loaded_frozen):
    program, other = learned(), learned()
    step(program, torch.optim.SGD(program.parameters(), 0.5))
    program, other = (
        p.freeze() if f else p for p, f in ((program, saved_frozen), (other, loaded_frozen))
    )
    other.load_state_dict(deepcopy(program.state_dict()))
    assert other.state_dict().keys() == program.state_dict().keys()
    assert ("up.weight:q.scale" in dict(other.named_parameters())) != saved_frozen
    assert torch.equal(other.eval()(X), program.eval()(X))
    copy = deepcopy(other)
    assert torch.equal(copy(X), other(X))
    for _, quantizer, _ in copy.quantizers():
        quantizer.unfreeze()
    assert torch.equal(copy.get_parameter("up.weight:q.scale") > 0, torch.ones(6, 2).bool())


def test_the_scale_of_a_weight_that_is_not_trained_is_not(make):
    maker = make.maker({"up": Linear(8, 6)}, lambda path: make.format("int4", clip="learned"))
    maker.frozen = frozenset({"up.weight"})
    maker.entry("forward", {"x": make.type("f32", "B", 8)}, lambda body, x: body.call("up", x))
    assert not build(maker.model()).to_qat().get_parameter("up.weight:q.scale").requires_grad


@pytest.mark.parametrize("word", ["nf4", "kmeans3"])
def test_a_codebook_is_state(qat, word):
    program = qat(word, group=4).eval()
    found = {k for k in program.state_dict() if k.endswith("codebook")}
    assert found == ({"up.weight.q.codebook"} if word == "kmeans3" else set())
    before = program(X)
    assert weight_of(program).unique().numel() > 4
    other = qat(word, group=4).eval()
    other.load_state_dict(program.state_dict())
    assert torch.equal(other(X), before)
    with torch.no_grad():
        torch.testing.assert_close(program.exact()(X), before)


@pytest.mark.parametrize(("noise", "worst"), [("uniform", 0.5), ("gaussian", 10.0)])
@pytest.mark.parametrize(
    ("words", "step_of"),
    [
        (("int4",), lambda w: w.abs().amax(1, keepdim=True) / 7),
        (("int4", "asymmetric"), lambda w: (w.amax(1) - w.amin(1))[:, None] / 15),
        (("ternary",), lambda w: w.abs().mean(1, keepdim=True)),
        (("binary",), lambda w: 2 * w.abs().mean(1, keepdim=True)),
        (("nf4",), lambda w: w.abs().amax(1, keepdim=True) * 2 / 15),
    ],
)
def test_noise_is_of_the_size_of_a_step(make, noise, worst, words, step_of):
    maker = make.maker({"up": Linear(512, 16)}, lambda path: make.format(*words))
    x = make.type("f32", "B", 512)
    maker.entry("forward", {"x": x}, lambda body, x: body.call("up", x))
    program = build(maker.model()).to_qat().train()
    set_rounding(program, noise)
    weight = program.up.weight.detach()
    torch.manual_seed(7)
    errors = (weight_of(program) - weight) / step_of(weight)
    assert errors.std() == pytest.approx(12**-0.5, rel=0.05)
    assert errors.mean().abs() < 0.02
    assert errors.abs().max() <= worst + 1e-5
    torch.manual_seed(7)
    again = (weight_of(program) - weight) / step_of(weight)
    assert torch.equal(again, errors)
    assert not torch.equal((weight_of(program) - weight) / step_of(weight), errors)


def test_noise_leaves_pruned_weights_at_0_and_evaluation_rounds(qat):
    program = qat("int4", pattern=NM(2, 4))
    rounded = program.eval()(X)
    set_rounding(program, "uniform")
    assert torch.equal(program(X), rounded)
    program.train()
    mask = program.get_submodule("up.weight:q").mask
    assert not weight_of(program)[~mask].any()
    program(X).sum().backward()
    expected = X.sum(0).expand(6, 8) * mask
    torch.testing.assert_close(program.up.weight.grad, expected)
    program.freeze()
    assert torch.equal(program(X), rounded)


def test_a_learned_scale_starts_anew_after_training_without_rounding(learned):
    program = learned()
    scale = program.get_parameter("up.weight:q.scale")
    old = scale.detach().clone()
    set_rounding(program, "round")
    assert torch.equal(scale, old)
    set_rounding(program, "none")
    with torch.no_grad():
        program.up.weight.mul_(4)
    set_rounding(program, "round")
    assert torch.equal(scale, old * 4)


def test_without_rounding_only_the_mask_is_left(qat):
    program = qat("int2", pattern=NM(2, 4))
    set_rounding(program, "none")
    mask = program.get_submodule("up.weight:q").mask
    for mode in (program.train(), program.eval()):
        assert torch.equal(weight_of(mode), program.up.weight.detach() * mask)
    program(X).sum().backward()
    assert torch.equal(program.up.weight.grad != 0, mask)
    set_rounding(program, "round")
    assert weight_of(program).unique().numel() <= 1 + 6 * 2 * 4
