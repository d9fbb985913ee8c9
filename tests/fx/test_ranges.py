"""Holds observers to their calibrations, against brute force on small data, and their state."""

from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from threading import Barrier, get_ident

import pytest
import torch
import torch.distributed as dist
from hypothesis import given, settings
from hypothesis import strategies as st

from qdsl.diagnostic.model import QdslError
from qdsl.fx import agreed, histogram
from qdsl.fx.histogram import BINS, Histogram
from qdsl.fx.numerics.static import fake_quantize, scale_and_zero
from qdsl.fx.observer import Observer
from qdsl.fx.observing import observing_paused
from qdsl.ir.format import IntegerGrid, IntegerZero, LearnedClip, StaticFormat, Symmetric
from qdsl.ir.ranges import Range
from qdsl.recipes.schedule import Ema, Mse, Percentile

INT8 = StaticFormat(IntegerGrid(8))
ASYMMETRIC = StaticFormat(IntegerGrid(8), IntegerZero())
UINT4 = StaticFormat(IntegerGrid(4, signed=False))


def observer(format=INT8, calibration=None):
    return Observer(Range("up", "input", format), calibration)


def shown(observed, *batches):
    for batch in batches:
        observed(batch)
    return observed


# ---- averages ----------------------------------------------------------------------------------


def test_the_first_batch_is_the_range_and_others_move_it():
    batches = [torch.randn(5, 4) for _ in range(4)]
    found = shown(observer(calibration=Ema(0.9)), *batches)
    low, high = batches[0].min().double(), batches[0].max().double()
    for batch in batches[1:]:
        low, high = low * 0.9 + batch.min() * 0.1, high * 0.9 + batch.max() * 0.1
    assert found.range_min.item() == pytest.approx(low.item(), rel=1e-6)
    assert found.range_max.item() == pytest.approx(high.item(), rel=1e-6)


def test_a_call_is_rounded_in_the_range_that_it_moved():
    x = torch.randn(5, 4)
    found = observer()
    y = found(x)
    scale = x.abs().max() / 127
    assert torch.equal(y, torch.round(x / scale) * scale)


def test_observing_ends_in_evaluation_and_when_frozen():
    found = shown(observer(), torch.ones(3))
    shown(found.eval(), torch.full((3,), 9.0))
    assert found.range_max == 1
    found.train().freeze()
    assert found(torch.full((3,), 9.0)).tolist() == [1, 1, 1]
    found.begin(Ema(0.5))
    shown(found, torch.full((3,), 9.0))
    assert found.range_max == 5
    found.begin(None)
    assert found.frozen


def test_values_that_are_not_finite_count_as_0():
    wrong = torch.tensor([1.0, torch.inf, -torch.inf, torch.nan])
    found = shown(observer(), wrong)
    assert (found.range_min, found.range_max) == (0, 1)
    assert found(torch.tensor([torch.nan])).isnan()
    seen = shown(observer(calibration=Mse()), wrong)
    assert torch.equal(seen.histogram, filled(torch.tensor([1.0, 0.0, 0.0, 0.0])).counts)


def test_without_values_nothing_is_rounded_or_frozen():
    found, x = observer(), torch.randn(3)
    with observing_paused():
        assert torch.equal(found(x), x)
    with pytest.raises(QdslError, match="Q717"):
        found.eval()(x)
    with pytest.raises(QdslError, match="Q717"):
        found.begin(None)


# ---- histograms --------------------------------------------------------------------------------

BATCHES = st.lists(
    st.lists(st.floats(-100, 100, width=32, allow_subnormal=False), min_size=1, max_size=9),
    min_size=1,
    max_size=5,
)


@settings(max_examples=50, deadline=None)
@given(BATCHES)
def test_counting_by_batches_is_counting_at_once(batches):
    found = histogram.empty(torch.zeros(()))
    for batch in batches:
        found = found.add(torch.tensor(batch))
    everything = torch.tensor([x for batch in batches for x in batch])
    assert found.limit > everything.abs().max()
    edges = found.edges()
    bins = torch.bucketize(everything, edges, right=True) - 1
    assert torch.equal(found.counts, torch.bincount(bins, minlength=BINS))


def filled(values):
    return histogram.empty(values).add(values)


@pytest.mark.parametrize("share", [1.0, 0.999, 0.95, 0.5])
@pytest.mark.parametrize("format", [INT8, ASYMMETRIC, UINT4], ids=str)
def test_percentile(format, share):
    """The share is held by the range, and by no range that is a bin smaller."""
    x = torch.randn(3000) ** 3 + (2 if format is ASYMMETRIC else 0)
    x = x.abs() if format is UINT4 else x
    seen = filled(x)
    low, high = histogram.percentile(seen, share, format)
    step = float(seen.limit) * 2 / BINS
    if isinstance(format.zero, Symmetric):
        assert low == (-high if format.grid.signed else 0)
        assert (x.abs() <= high).double().mean() >= share
        assert (x.abs() < high - step).double().mean() < share
    else:
        for tail, smaller in (((x > high), x >= high - step), ((x < low), x <= low + step)):
            assert tail.double().mean() <= (1 - share) / 2 + 1e-12
            assert smaller.double().mean() > (1 - share) / 2


@pytest.mark.parametrize("format", [INT8, ASYMMETRIC, UINT4], ids=str)
def test_least_squares(format):
    """No other part of the range seen rounds the values better, by the values themselves."""
    limit = 4.0
    x = (torch.randint(-900, 900, (500,)) + 0.5) / (BINS // 2) * limit
    x = torch.cat([x, x[:3] * 2])
    if format is UINT4:
        x = x.abs()
    # middles of bins: the histogram knows them exactly
    x = (torch.floor(x / limit * (BINS // 2)) + 0.5) / (BINS // 2) * limit
    limit_of = torch.tensor(limit)
    seen = Histogram(histogram.counted(x, limit_of), limit_of)
    low, high = histogram.least_squares(seen, format)
    codes = format.grid.qmin, format.grid.qmax

    def error(low, high):
        scale, zero = scale_and_zero(low, high, format)
        return (fake_quantize(x, scale, zero, codes).double() - x.double()).square().sum().item()

    least, greatest = seen.extent()
    others = [error(least * (i / 100), greatest * (i / 100)) for i in range(1, 101)]
    assert error(low, high) == pytest.approx(min(others), rel=1e-9)


@pytest.mark.parametrize("calibration", [Percentile(0.99), Mse()], ids=["percentile", "mse"])
def test_the_histogram_goes_when_the_range_is_fixed(calibration):
    batches = [torch.randn(100) for _ in range(3)]
    found = shown(observer(calibration=calibration), *batches)
    found.freeze()
    assert found.histogram is None
    seen = filled(torch.cat(batches))
    if isinstance(calibration, Mse):
        ends = histogram.least_squares(seen, INT8)
    else:
        ends = histogram.percentile(seen, 0.99, INT8)
    assert found.scale.item() == scale_and_zero(*ends, INT8)[0].item()


# ---- learned clips -----------------------------------------------------------------------------


def test_a_learned_scale_begins_at_the_first_batch_and_is_trained():
    format = StaticFormat(IntegerGrid(8), clip=LearnedClip())
    found = observer(format)
    x = torch.randn(50, 4)
    found(x).square().sum().backward()
    assert found.scale.item() == pytest.approx((2 * x.abs().mean() / 127**0.5).item())
    assert found.scale.grad.abs() > 0
    before = found.scale.detach().clone()
    found(x * 100)
    assert torch.equal(found.scale.detach(), before)
    found.freeze()
    assert not found.scale.requires_grad


def test_pact_begins_at_the_largest_value():
    format = StaticFormat(IntegerGrid(4, signed=False), clip=LearnedClip())
    found = shown(observer(format), torch.tensor([0.0, 1.0, 3.0]))
    assert found.scale.item() == pytest.approx(3 / 15)


# ---- state -------------------------------------------------------------------------------------


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("calibration", [Ema(), Percentile(), Mse()], ids=repr)
@pytest.mark.parametrize(
    "format", [INT8, ASYMMETRIC, StaticFormat(IntegerGrid(8), clip=LearnedClip())], ids=str
)
def test_state_is_kept(format, calibration, frozen):
    found = shown(observer(format, calibration), torch.randn(20), torch.randn(20) * 3)
    if frozen:
        found.freeze()
    other = observer(format, calibration)
    other.load_state_dict(found.state_dict())
    copies = [found, other, deepcopy(found)]
    more = torch.randn(20) * 9
    scales = [shown(copy, more).scale_and_zero()[0] for copy in copies]
    assert torch.equal(scales[0], scales[1])
    assert torch.equal(scales[0], scales[2])


def test_a_learned_scale_stays_frozen_in_its_state():
    format = StaticFormat(IntegerGrid(8), clip=LearnedClip())
    found, other = (shown(observer(format), torch.randn(20)) for _ in range(2))
    loose = deepcopy(found.state_dict())
    found.freeze()
    other.load_state_dict(found.state_dict())
    assert other.frozen
    assert not other.scale.requires_grad
    other.load_state_dict(loose)
    assert not other.frozen
    assert other.scale.requires_grad


def test_a_state_has_the_range_of_its_calibration():
    found = shown(observer(calibration=Percentile(0.8)), torch.randn(500))
    other = observer()
    other.load_state_dict(found.state_dict())
    assert torch.equal(other.eval().scale_and_zero()[0], found.scale_and_zero()[0])


# ---- several processes -------------------------------------------------------------------------


class Two:
    """Stands in for torch.distributed: two threads are two processes."""

    ReduceOp = dist.ReduceOp

    def __init__(self):
        self._met = Barrier(2, timeout=60)
        self._given = {}

    def is_available(self):
        return True

    is_initialized = is_available

    def all_reduce(self, tensor, op=dist.ReduceOp.SUM):
        self._given[get_ident()] = tensor.clone()
        self._met.wait()
        a, b = self._given.values()
        found = {
            dist.ReduceOp.SUM: torch.add,
            dist.ReduceOp.MIN: torch.minimum,
            dist.ReduceOp.MAX: torch.maximum,
        }[op](a, b)
        self._met.wait()
        tensor.copy_(found)


@pytest.mark.parametrize("calibration", [Ema(0.9), Mse(), Percentile(0.95)], ids=repr)
def test_processes_agree_and_see_the_values_of_all(calibration, monkeypatch):
    batches = [torch.randn(2, 50) * torch.tensor([[1.0], [5.0]]) for _ in range(3)]
    alone = shown(observer(calibration=calibration), *batches).scale_and_zero()[0]
    monkeypatch.setattr(agreed, "dist", Two())

    def process(rank):
        found = shown(observer(calibration=calibration), *(b[rank] for b in batches))
        return found.scale_and_zero()[0]

    with ThreadPoolExecutor(2) as pool:
        assert [float(s) for s in pool.map(process, (0, 1))] == [float(alone)] * 2
