"""Holds products that are cut along K to the reference, and counters to what they promise."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch

from qdsl.fx import reference

pytest.importorskip("triton")
from qdsl_gpu import counters, operations
from qdsl_gpu.dispatch import trial
from qdsl_gpu.task import Task
from qdsl_gpu.tiles import Tiles

Make = Callable[..., Any]
CPU = torch.device("cpu")
N, K = 70, 300
INTEGERS = ("int8", "int4-g128", "int4-g160", "uint2-float")
FLOATS = ("int4-g128", "int4-float", "nf4")


class Always(dict[Task, Tiles]):
    """The same tiles for every task."""

    def __init__(self, tiles: Tiles) -> None:
        self.tiles = tiles

    def get(self, *_: Any) -> Tiles:
        return self.tiles


@pytest.fixture(autouse=True)
def _new_counters(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(counters, "_of_stream", {})
    monkeypatch.setattr(counters, "_stores", {})
    yield
    for kept in counters._of_stream.values():
        assert not kept.any()


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize(("tokens", "splits"), [(1, 2), (9, 3)])
def test_parts_of_integers_are_the_reference(
    name: str, tokens: int, splits: int, formats: Any, make_weight: Make
) -> None:
    weight = make_weight(formats[name], N, K)
    x, bias, residual = torch.randn(tokens, K), torch.randn(N), torch.randn(tokens, N)
    given = (bias, N, "int8_token", None, None, True, residual)
    exact = reference.linear(x, weight.reference, *given)
    with trial(Always(Tiles(8, 64, splits))):
        for _ in range(2):  # counters are 0 again
            assert torch.equal(operations.linear(x, weight.packed, *given), exact)


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize(("tokens", "width", "splits"), [(1, 2, 2), (9, 8, 3)])
def test_parts_of_floats_add_up(
    name: str, tokens: int, width: int, splits: int, formats: Any, make_weight: Make
) -> None:
    weight = make_weight(formats[name], N, K)
    x, bias, residual = torch.randn(tokens, K), torch.randn(N), torch.randn(tokens, N)
    given = (bias, N, "f32", None, None, True, residual)
    with trial(Always(Tiles(width, 64, splits))):
        y = operations.linear(x, weight.packed, *given)
        assert torch.equal(operations.linear(x, weight.packed, *given), y)
    sizes = x.abs() @ reference.dequantize(weight.reference, N, K).abs().T
    exact = reference.linear(x, weight.reference, *given)
    assert ((y - exact).abs() <= sizes * 2e-5 + exact.abs() * 1e-6).all()


# ---- counters ------------------------------------------------------------------------------------


def test_calls_on_a_stream_share_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = iter((1, 2, 1, 1, 1))
    monkeypatch.setattr(counters.streams, "current", lambda device: next(stream))
    one, other, again = (counters.counters(8, CPU) for _ in range(3))
    assert one is again
    assert one is not other
    larger = counters.counters(5000, CPU)
    assert larger.numel() >= 5000
    assert counters.counters(8, CPU) is larger


def test_a_captured_call_shares_with_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "_STORE", 64)
    shared = counters.counters(8, CPU)
    monkeypatch.setattr(counters.streams, "is_captured", lambda device: True)
    kept = [counters.counters(9, CPU) for _ in range(8)]
    kept += [counters.counters(100, CPU), shared]
    assert not any(tensor.any() for tensor in kept)
    assert [len(t) for t in kept] == [9] * 8 + [100, 4096]
    assert len({t.data_ptr() for t in kept}) == 10
    assert all(t.data_ptr() % 16 == 0 for t in kept)


def test_what_is_borrowed_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    counters.counters(8, CPU)
    monkeypatch.setattr(counters.streams, "is_captured", lambda device: True)
    kept = counters.counters(8, CPU)
    with counters.borrowed():
        lent = counters.counters(8, CPU)
    again = counters.counters(8, CPU)
    assert lent.data_ptr() == again.data_ptr() != kept.data_ptr()


def test_a_graph_without_a_store_clears_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters.streams, "is_captured", lambda device: True)
    assert counters.counters(7, CPU).tolist() == [0] * 7
