"""Holds rounded values and products of two to the reference, in Triton's interpreter."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from qdsl.fx.activations import round_values
from qdsl.fx.products import matmul
from qdsl.target import STATIC

pytest.importorskip("triton")
from qdsl_gpu import values

WORDS = ("int8_token", "int8_tensor", "int8_static", "int8_static_full", "uint8_static")
Ranges = tuple[Tensor | None, ...]


def same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and bool(((a == b) | (a.isnan() & b.isnan())).all())


def ranges(word: str, zero: bool, count: int = 2) -> Ranges:
    """Scale and zero of each operand, the zeros at either end."""
    if word not in STATIC:
        return (None,) * (2 * count)
    ends = [torch.tensor([float(end)]) if zero else None for end in STATIC[word]]
    scale = torch.tensor([4.0 / (STATIC[word][1] - STATIC[word][0])])
    return (scale, ends[0], scale / 3, ends[1])[: 2 * count]


def product(x: Tensor, y: Tensor, equation: str, word: str, given: Ranges) -> Tensor:
    return matmul(equation, x, y, word, (given[0], given[1]), (given[2], given[3]))


@st.composite
def equations(draw: st.DrawFn) -> tuple[str, Tensor, Tensor]:
    """Axes of both operands or of one, summed or not, in any order; each operand has one."""
    counts = st.tuples(*[st.integers(0, n) for n in (2, 2, 2, 2, 1)])
    roles = draw(counts.filter(lambda n: n[0] + n[3] or (n[1] + n[4] and n[2])))
    letters = iter("abcdefghi")
    both, left, right, summed, only = ([next(letters) for _ in range(n)] for n in roles)
    order = [draw(st.permutations(t)) for t in (both + left + summed + only, both + right + summed)]
    result = draw(st.permutations(both + left + right))
    sizes = {a: draw(st.sampled_from([1, 2, 3])) for a in both + left + right + summed + only}
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    x, y = (torch.randn([sizes[a] for a in t], generator=generator) for t in order)
    if x.numel() > 2 and draw(st.booleans()):
        x.view(-1)[1] = draw(st.sampled_from([torch.nan, torch.inf, 1e30]))
    equation = f"{''.join(order[0])},{''.join(order[1])}->{''.join(result)}"
    return equation, x, y


@settings(max_examples=30, deadline=None)
@given(equations(), st.sampled_from(WORDS), st.booleans())
def test_every_equation(given: tuple[str, Tensor, Tensor], word: str, zero: bool) -> None:
    equation, x, y = given
    between = ranges(word, zero)
    found = values.matmul(x, y, equation, word, *between)
    assert same(found, product(x, y, equation, word, between))
    assert found.is_contiguous()


@pytest.mark.parametrize(
    ("equation", "shape"), [("bthd,bshd->bhts", (66, 5, 20)), ("bhts,bshd->bthd", (5, 20, 66))]
)
@pytest.mark.parametrize("word", ["int8_token", "int8_tensor", "uint8_static", "f32", "bf16"])
def test_attention(equation: str, shape: tuple[int, ...], word: str) -> None:
    sizes = {"b": 1, "h": 1, **dict(zip("tsd", shape, strict=True))}
    x, y = (torch.randn([sizes[a] for a in t]) for t in equation[:9].split(","))
    between = ranges(word, True)
    found = values.matmul(x, y, equation, word, *between)
    expected = product(x, y, equation, word, between)
    if word in ("f32", "bf16"):
        assert torch.allclose(found, expected, rtol=1e-5, atol=1e-4)
    else:
        assert torch.equal(found, expected)


def test_sums_beyond_32_bits() -> None:
    x, y = torch.full((2, 1 << 16), 1e3), torch.full((2, 1 << 16), -1e3)
    x[1, ::7], y[1] = -1e3, 1e3
    between = ranges("uint8_static", True)
    found = values.matmul(x, y, "ik,jk->ij", "uint8_static", *between)
    assert torch.equal(found, product(x, y, "ik,jk->ij", "uint8_static", between))


@pytest.mark.parametrize("shape", [(0, 3), (2, 0), (2, 0, 3)])
@pytest.mark.parametrize("word", ["int8_token", "int8_tensor", "int8_static", "bf16"])
def test_nothing_to_do(shape: tuple[int, ...], word: str) -> None:
    x, y, between = torch.randn(shape), torch.randn(4, shape[-1]), ranges(word, False)
    equation = "abk,jk->abj" if len(shape) == 3 else "ik,jk->ij"
    found = values.matmul(x, y, equation, word, *between)
    assert same(found, product(x, y, equation, word, between))
    assert same(values.round(x, word, *between[:2]), round_values(x, word, *between[:2]))


@pytest.mark.parametrize("word", [*WORDS, "bf16", "uint2_static"])
@pytest.mark.parametrize("shape", [(), (5,), (3, 70), (2, 3, 33)])
@pytest.mark.parametrize("type", [torch.float32, torch.bfloat16])
def test_values(word: str, shape: tuple[int, ...], type: torch.dtype) -> None:
    x = torch.randn(shape).to(type)
    if len(shape) == 3:
        x[0, 1, 2], x = torch.nan, x.transpose(1, 2)
    for zero in (False, True):
        given = ranges(word, zero, 1)
        found = values.round(x, word, *given)
        assert found.dtype is type
        assert same(found, round_values(x, word, *given))


@pytest.mark.parametrize("equation", ["ii,ij->j", "ij,jk", "i,jk->ik", "ij,jk->iz", "ijjk->ik"])
def test_equations_that_do_not_fit(equation: str) -> None:
    with pytest.raises(ValueError, match=r"equation|axis"):
        values.matmul(torch.randn(3, 3), torch.randn(3, 3), equation, "int8_token")


@pytest.mark.parametrize("word", ["int9_static", "uint8_static_full", "int8"])
def test_words_that_say_no_rounding(word: str) -> None:
    x = torch.randn(3, 3)
    with pytest.raises(ValueError, match=word):
        values.round(x, word)
    for function in (values.matmul, lambda x, y, e, w: product(x, y, e, w, (None,) * 4)):
        with pytest.raises(ValueError, match=word):
            function(x, x, "ik,jk->ij", word)
