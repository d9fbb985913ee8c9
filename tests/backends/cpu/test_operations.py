"""Calls the operations as torch's dispatcher does: what they take, and what they give back."""

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from qdsl.fx.ops import backend, operation
from qdsl_cpu import _native, operations

Make = Callable[..., Any]


@pytest.fixture
def packed(make_format: Make, make_weight: Make) -> Tensor:
    weight: Tensor = make_weight(make_format(group=4), 12, 10).packed
    return weight


def views() -> dict[str, Tensor]:
    """Tensors [..., 10] that lie in memory in every way."""
    base = torch.randn(6, 4, 30)
    return {
        "rows apart": base[:, 0, :10],
        "rows of two dimensions": base[:, :, 5:15],
        "rows of unequal distance": base[::2, 1:3, :10],
        "columns apart": base[..., ::3],
        "transposed": torch.randn(10, 7).T,
        "dimensions exchanged": torch.randn(3, 5, 10).transpose(0, 1),
        "one row again": torch.randn(10).expand(4, 10),
        "one element again": torch.randn(4, 1).expand(4, 10),
        "one row": base[0, 0, :10],
        "dimensions of one": base[:1, :1, :10],
        "a middle dimension of one": base[:, :1, :10],
        "nothing": base[:0, :, :10],
        "a parameter": nn.Parameter(torch.randn(2, 10)),
        "an offset": torch.randn(41)[1:].view(4, 10),
        "a negative": torch.view_as_complex(torch.randn(2, 10, 2)).conj().imag,
    }


@pytest.mark.parametrize("name", views())
@pytest.mark.parametrize("activations", ["f32", "int8_token", "int8_tensor"])
def test_x_lies_in_memory_in_any_way(name: str, activations: str, packed: Tensor) -> None:
    torch.manual_seed(0)
    x = views()[name]
    backend("cpu")  # registers
    y = operation("linear", "default")(x, packed, None, 12, activations)
    plain = x.detach().resolve_neg().clone(memory_format=torch.contiguous_format)
    assert torch.equal(y, operations.linear(plain, packed, None, 12, activations))
    assert y.shape == (*x.shape[:-1], 12)
    assert y.is_contiguous()


def test_results_are_tensors_like_others(packed: Tensor) -> None:
    with torch.no_grad():
        y = operations.linear(torch.randn(3, 10), packed, None, 12, "f32")
        y += 1
    assert type(y) is Tensor
    assert (y.dtype, y.device.type, y.requires_grad) == (torch.float32, "cpu", False)
    assert y.data_ptr() % 64 == 0
    factor = torch.ones(12, requires_grad=True)
    (y * factor).sum().backward()
    assert torch.equal(factor.grad, y.sum(dim=0))
    file = io.BytesIO()
    torch.save(y, file)
    file.seek(0)
    assert torch.equal(torch.load(file), y)


def test_results_do_not_depend_on_the_default_type(packed: Tensor) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        assert operations.embedding(torch.tensor([1]), packed, 10).dtype is torch.float32
        assert operations.dequantize(packed, 12, 10).dtype is torch.float32
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_ids_of_any_type(dtype: torch.dtype, packed: Tensor) -> None:
    ids = torch.tensor([[3, 0], [11, 3]])
    assert torch.equal(
        operations.embedding(ids.to(dtype), packed, 10), operations.embedding(ids, packed, 10)
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.complex64])
def test_ids_that_are_no_integers(dtype: torch.dtype, packed: Tensor) -> None:
    with pytest.raises(ValueError, match="integers"):
        operations.embedding(torch.tensor([3, 0]).to(dtype), packed, 10)


def test_what_is_no_tensor_is_refused(packed: Tensor) -> None:
    with pytest.raises((RuntimeError, TypeError)):
        operations.linear([1.0], packed, None, 12, "f32")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="contiguous"):
        operations.dequantize(packed.repeat_interleave(2)[::2], 12, 10)
    with pytest.raises(ValueError, match="dimension"):
        operations.linear(torch.tensor(1.0), packed, None, 12, "f32")


def test_a_torch_without_a_table_of_functions_is_read_through_python(packed: Tensor) -> None:
    linear = operation("linear", "default")
    inputs = views()
    expected = {name: linear(x, packed, None, 12, "int8_token") for name, x in inputs.items()}
    _native.exchange_with(object)
    try:
        for name, x in inputs.items():
            y = linear(x, packed, None, 12, "int8_token")
            assert torch.equal(y, expected[name]), name
        with pytest.raises(ValueError, match="float64, not float32"):
            linear(torch.zeros(2, 10, dtype=torch.float64), packed, None, 12, "f32")
    finally:
        _native.exchange_with(torch.Tensor)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_other_types_than_f32_are_refused(dtype: torch.dtype, packed: Tensor) -> None:
    """Shapes say that results have the type of x: another one would be wrong."""
    with pytest.raises(ValueError, match="`x` is torch"):
        operations.linear(torch.randn(2, 10).to(dtype), packed, None, 12, "int8_token")
