"""Runs `qdsl tune` on a back end of the tests: what it is given, and what is refused."""

import pytest
import torch

from qdsl.fx.ops import operation
from qdsl.fx.reference import BACKEND
from qdsl.target import Availability, Tunable


class Tuned:
    """The reference, which tunes by running each call on a copy of its weight."""

    def __init__(self):
        self.heard = []
        self.lacks = ""

    def __getattr__(self, name):
        return getattr(BACKEND, name)

    def tuning(self):
        return Availability(not self.lacks, self.lacks)

    def device(self):
        return "cpu"

    def tune(self, calls):
        for call in calls:
            result = call.run(call.weight.clone())
            result = result[0] if isinstance(result, tuple) else result
            self.heard.append((call.weight.dtype, tuple(result.shape)))
            yield f"tuned {tuple(result.shape)}"


@pytest.fixture
def tuned(monkeypatch):
    found = Tuned()
    assert isinstance(found, Tunable)
    for place in ("qdsl.bench.tuning.backend", "qdsl.fx.packed.backend"):
        monkeypatch.setattr(place, lambda name: found)
    return found


def test_each_weight_is_called_for_each_shape(qdsl, folder, tuned):
    shapes = ("--shape", "B=2,T=3", "--shape", "B=1,T=5")
    found = qdsl("tune", "net.qspec#small", "--backend", "reference", *shapes)
    assert (found.status, found.err) == (0, "")
    lines = found.out.splitlines()
    assert lines[: len(lines) // 2].count("tuned (2, 3, 32)") == 3  # two `up`, and the output
    assert lines[len(lines) // 2 :].count("tuned (1, 5, 32)") == 3
    assert {dtype for dtype, _ in tuned.heard} == {torch.uint8}


def test_sizes_that_are_none_are_refused(qdsl, folder, tuned):
    found = qdsl("tune", "net.qspec#small", "--backend", "reference", "--shape", "B")
    assert found.status == 2
    assert "gives no sizes" in found.err
    assert not tuned.heard


def test_sizes_that_do_not_fit_are_told(qdsl, folder, tuned):
    found = qdsl("tune", "net.qspec#small", "--backend", "reference", "--shape", "N=1")
    assert found.status == 1
    assert "error[Q750]" in found.err


@pytest.mark.parametrize("lacks", ["there is no driver of a GPU"])
def test_a_back_end_without_a_device(lacks, qdsl, folder, tuned):
    tuned.lacks = lacks
    found = qdsl("tune", "net.qspec#small", "--backend", "reference")
    assert found.status == 1
    assert f"error[Q751]: back end `reference` cannot be tuned here: {lacks}" in found.err


def test_calls_repeat_what_the_entry_did(folder):
    from qdsl import load_spec
    from qdsl.bench.tuning import calls
    from qdsl.fx import load

    load_spec("net.qspec").variants["small"].program(seed=0).to_qat().pack("net.qpack")
    program = load("net.qpack", "reference")
    found = calls(program, program.ir.entries[0], {"B": 1, "T": 2})
    linear = operation("linear", "reference")
    ours = [c for c in found if c.run.args[0] is linear]
    assert ours
    assert all(torch.equal(c.run(c.weight), c.run(c.weight.clone())) for c in ours)
