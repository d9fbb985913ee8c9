"""Captures entries in buckets of examples, with a recorder that needs no GPU."""

from pathlib import Path

import pytest
import torch

import qdsl
from qdsl import load_spec
from qdsl.diagnostic.model import QdslError
from qdsl.fx.capture import capture
from qdsl.fx.recording import as_tuple

SPEC = """qspec 1

model Net(d: int = 8) {
    table = Embedding(9, d)
    map = Linear(d -> 4)

    entry forward(x: f32[B, T, d]) { return map(x) }

    entry both(x: f32[B, T, d], lengths: i64[B]) -> f32[B, T, 4], i64[B], f32[T, B] {
        y = map(x)
        return y, lengths, transpose(sum(y, -1), B, T -> T, B)
    }

    entry look(ids: i64[B, T]) { return map(table(ids)) }
    entry mixed(x: f32[B, d]) { return map(x - mean(x, 0)) }
    entry whole(x: f32[B, d]) { return mean(map(x), 0) }
}

policy low for Net {
    default { weights = f32 }
    map { weights = int8 }
}

variant small { model = Net }

variant rounded extends small { policy = low }
"""


class Replayed:
    """Replaying runs again and writes to the same results, as a graph does."""

    def __init__(self):
        self.replays = 0
        self.recorded = []

    def __call__(self, run):
        results = tuple(r.clone() for r in run())
        self.recorded.append(len(results[0]))

        def replay():
            self.replays += 1
            for static, new in zip(results, run(), strict=True):
                static.copy_(new)

        return replay, results


def variant(folder, name):
    path = folder / "net.qspec"
    path.write_text(SPEC)
    return load_spec(path).variants[name]


@pytest.fixture
def program(tmp_path):
    return variant(tmp_path, "small").program(seed=1)


@pytest.fixture
def recorder():
    return Replayed()


def test_calls_are_padded_replayed_and_cut(program, recorder):
    run = capture(program, (4, 1, 2), [torch.randn(1, 5, 8)], recorder=recorder)
    assert recorder.recorded == [4, 2, 1]  # the largest first
    for count in (3, 1, 4, 2):
        x = torch.randn(count, 5, 8)
        with torch.no_grad():
            assert torch.equal(run(x), program(x))
    assert recorder.replays == 4


def test_results_are_ones_own(program, recorder):
    run = capture(program, (2,), [torch.randn(1, 5, 8)], recorder=recorder)
    first = run(torch.ones(1, 5, 8))
    kept = first.clone()
    run(torch.zeros(2, 5, 8))
    assert torch.equal(first, kept)


def test_each_result_is_cut_along_its_own_axis(program, recorder):
    examples = [torch.randn(2, 3, 8), torch.tensor([3, 1])]
    run = capture(program, (4,), examples, entry="both", recorder=recorder)
    x, lengths = torch.randn(3, 3, 8), torch.tensor([3, 2, 1])
    found = run(x, lengths)
    assert [tuple(r.shape) for r in found] == [(3, 3, 4), (3,), (3, 3)]
    assert all(map(torch.equal, found, as_tuple(program.both(x, lengths))))
    assert recorder.replays == 1


@pytest.mark.parametrize("shape", [(3, 5, 8), (2, 6, 8), (0, 5, 8)])
def test_what_fits_no_bucket_runs_as_it_is(shape, program, recorder):
    run = capture(program, (2,), [torch.ones(1, 5, 8)], recorder=recorder)
    x = torch.randn(shape)
    assert torch.equal(run(x), program(x).detach())
    assert recorder.replays == 0
    assert not run(x).requires_grad


def test_ids_are_copied(program, recorder):
    run = capture(program, (4,), [torch.zeros(1, 3).long()], entry="look", recorder=recorder)
    ids = torch.randint(0, 9, (2, 3))
    assert torch.equal(run(ids), program.look(ids))


def test_new_weights_count(program, recorder):
    run = capture(program, (2,), [torch.randn(1, 5, 8)], recorder=recorder)
    with torch.no_grad():
        program.map.weight.mul_(2)
    x = torch.randn(2, 5, 8)
    assert torch.equal(run(x), program(x).detach())


@pytest.mark.parametrize(
    ("entry", "count", "buckets", "message"),
    [
        ("forwards", 1, (2,), "there is no entry `forwards`"),
        ("both", 1, (2,), "takes x, lengths: not 1 examples"),
        ("forward", 1, (), "numbers from 1 on"),
        ("forward", 1, (0, 2), "numbers from 1 on"),
        ("whole", 1, (2,), "has no dim `B`"),
        ("mixed", 1, (2,), "depend on each other"),
    ],
)
def test_what_cannot_be_captured_is_refused(entry, count, buckets, message, program, recorder):
    examples = [torch.randn(*((2, 5, 8) if entry in ("forward", "both") else (2, 8)))] * count
    with pytest.raises(QdslError, match=message) as caught:
        capture(program, buckets, examples, entry=entry, recorder=recorder)
    assert [d.code for d in caught.value.diagnostics] == ["Q761"]
    assert not recorder.recorded


def test_a_program_in_training_is_refused(tmp_path, recorder):
    program = variant(tmp_path, "rounded").program(seed=1).to_qat()
    with pytest.raises(QdslError, match="a graph would keep the rounded ones") as caught:
        capture(program, (2,), [torch.randn(1, 5, 8)], recorder=recorder)
    assert [d.code for d in caught.value.diagnostics] == ["Q761"]


def test_a_program_on_the_processor_is_refused(program, tmp_path):
    path = tmp_path / "net.qpack"
    program.to_qat().pack(path)
    with pytest.raises(QdslError, match="CUDA graphs are of GPUs"):
        qdsl.load(Path(path), "reference").capture((1,), torch.randn(1, 5, 8))
