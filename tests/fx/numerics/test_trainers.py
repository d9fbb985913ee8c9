"""Checks that a back end which rounds in training is asked first, on its devices only."""

from dataclasses import dataclass, field

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from qdsl import target
from qdsl.fx import activations
from qdsl.fx.masks import nm_mask, share_mask
from qdsl.fx.numerics import State, fake_quantize, static
from qdsl.fx.observer import Observer
from qdsl.fx.trainers import trainer_of
from qdsl.ir.format import IntegerGrid, StaticFormat, WeightFormat
from qdsl.ir.pattern import NM
from qdsl.ir.ranges import Range
from qdsl.target import Availability, trainer

FORMAT = WeightFormat("x", IntegerGrid(4))


@dataclass
class Doubling:
    """A back end whose weights are twice what they were, but for those with a mask."""

    available: bool = True
    devices: tuple[str, ...] = ("cpu",)
    name: str = "doubling"
    asked: list[str] = field(default_factory=list)

    def availability(self):
        return Availability(self.available)

    def capabilities(self):
        return ()

    def repack(self, weight):
        raise NotImplementedError

    def register(self, library):
        raise NotImplementedError

    def device_types(self):
        return self.devices

    def fake_quantize(self, weight, format, fixed, type):
        return (2 * weight).to(type) if fixed.mask is None else None

    def round_over(self, x, axes, type):
        return (x + len(axes)).to(type)

    def round_range(self, x, scale, zero, code_range, type):
        return None if zero is None else (x + zero).to(type)

    def round_learned(self, x, scale, code_range, type):
        return (x * scale).to(type)

    def observe(self, x, low, high, momentum):
        if x.numel() == 1:
            return False
        low.copy_(x.min() * momentum)
        high.copy_(x.max() * momentum)
        return True

    def scale_and_zero(self, low, high, format):
        return (high - low).view(1), None

    def nm_mask(self, score, kept, group):
        return score > kept

    def share_mask(self, score, pruned):
        return score > pruned if pruned else None


@pytest.fixture
def install(monkeypatch):
    def installed(backend):
        trainer.cache_clear()
        monkeypatch.setattr(target.training, "backends", lambda: {"doubling": backend})

    yield installed
    trainer.cache_clear()


def test_a_trainer_is_asked_first(install):
    weight, mask = torch.randn(2, 8), torch.ones(2, 8, dtype=torch.bool)
    plain = fake_quantize(weight, FORMAT, State())
    install(Doubling())
    assert torch.equal(fake_quantize(weight, FORMAT, State()), 2 * weight)
    assert torch.equal(fake_quantize(weight, FORMAT, State(mask)), plain)


def test_so_it_is_for_activations(install):
    x, one = torch.randn(2, 3, 4, requires_grad=True), torch.ones(1)
    plain = static.fake_quantize(x, one, None, (-8, 7))
    install(Doubling())
    assert torch.equal(activations.fake_quantize(x, "int8_token"), x + 1)
    assert torch.equal(activations.fake_quantize(x, "int8_tensor"), x + 2)
    assert torch.equal(static.fake_quantize(x, one, None, (-8, 7)), plain)
    assert torch.equal(static.fake_quantize(x, one, one, (-8, 7)), x + 1)
    assert torch.equal(static.learned(x, 3 * one, (-8, 7)), 3 * x)
    activations.fake_quantize(x, "int8_token").sum().backward()
    assert torch.equal(x.grad, torch.ones_like(x))


def test_so_it_is_for_masks(install):
    score = torch.randn(2, 8).abs()
    install(Doubling())
    assert torch.equal(nm_mask(score, NM(1, 4)), score > 1)
    assert torch.equal(share_mask(score, 2), score > 2)
    assert share_mask(score, 0).all()


def test_so_it_is_for_ranges(install):
    x = torch.tensor([1.0, -3.0, 4.0])
    observer = Observer(Range("x", "input", StaticFormat(IntegerGrid(8)))).train()
    observer(x)
    install(Doubling())
    observer(x[:1])  # which it does not take
    assert float(observer.range_max) == pytest.approx(4.0 * 0.99 + 1.0 * (1 - 0.99))
    observer(2 * x)
    assert float(observer.range_max) == pytest.approx(8.0 * 0.99)
    assert float(observer.scale_and_zero()[0]) == pytest.approx(14.0 * 0.99)


@pytest.mark.parametrize("backend", [Doubling(available=False), Doubling(devices=("cuda",))])
def test_others_are_not(install, backend):
    weight = torch.randn(2, 8)
    plain = fake_quantize(weight, FORMAT, State())
    install(backend)
    assert torch.equal(fake_quantize(weight, FORMAT, State()), plain)


def test_what_is_compiled_is_torchs(install, monkeypatch):
    weight = torch.randn(2, 8)
    plain = fake_quantize(weight, FORMAT, State())
    install(Doubling())
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert torch.equal(fake_quantize(weight, FORMAT, State()), plain)


def test_so_is_what_has_no_memory(install):
    install(Doubling())
    with FakeTensorMode() as mode:
        weight = mode.from_tensor(torch.ones(2, 8))
        assert fake_quantize(weight, FORMAT, State()).shape == (2, 8)
        assert trainer_of(weight) is None
    assert trainer_of(torch.ones(2, 8)) is trainer_of(nn.Parameter(torch.ones(1)))


def test_frozen_codes_are_read(install):
    weight = torch.randn(2, 8)
    frozen = State(scale=torch.ones(2, 1), codes=torch.ones(2, 8))
    install(Doubling())
    assert torch.equal(fake_quantize(weight, FORMAT, frozen), torch.ones(2, 8))
