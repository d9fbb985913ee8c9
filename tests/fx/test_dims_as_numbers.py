"""Holds dims beside tensors to their sizes at run time: in float, QAT, packed and exported."""

from pathlib import Path

import pytest
import torch
from torch.export import Dim, export

import qdsl
from qdsl.spec import load_spec

SPEC = """qspec 1

model Net {
    entry run(x: f32[B, T, 4]) -> f32[B, T, 4], i64[T] {
        mean = sum(x, 1, keep = true) / T
        back = T - 1 - range(T)
        odd = back % 2 == 1
        return where(odd[:, none], x - mean, x), back + (2 * T + B)
    }
}
"""


@pytest.fixture
def program(tmp_path: Path):
    path = tmp_path / "net.qspec"
    path.write_text(SPEC, encoding="utf-8")
    return load_spec(path).variants["Net"].program()


def expected(x):
    batch, time, _ = x.shape
    back = torch.arange(time).flip(0)
    odd = (back % 2 == 1)[None, :, None]
    return torch.where(odd, x - x.mean(1, keepdim=True), x), back + 2 * time + batch


def same(result, x):
    for found, wanted in zip(result, expected(x), strict=True):
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("shape", [(1, 1, 4), (2, 5, 4), (3, 8, 4)])
def test_sizes_are_those_of_the_input(program, shape):
    x = torch.randn(shape)
    same(program.run(x), x)


def test_a_model_without_weights_is_packed(program, tmp_path):
    x = torch.randn(2, 7, 4)
    trained = program.to_qat().freeze()
    same(trained.run(x), x)
    trained.pack(tmp_path / "net.qpack")
    same(qdsl.load(tmp_path / "net.qpack", backend="reference").run(x), x)


def test_sizes_stay_free_in_an_export(program):
    x = torch.randn(2, 5, 4)
    sizes = ({0: Dim("b"), 1: Dim("t")},)
    exported = export(program.graph_module("run"), (x,), dynamic_shapes=sizes).module()
    other = torch.randn(4, 9, 4)
    same(exported(other), other)
