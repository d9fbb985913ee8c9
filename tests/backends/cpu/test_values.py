"""Holds rounded values and products of two to the reference, on every instruction set."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from qdsl.fx.activations import code_range, round_values
from qdsl.fx.ops import backend, operation
from qdsl.fx.products import matmul
from qdsl_cpu import _native, operations

ISAS = _native.isas()
STATIC = [f"{u}int{b}_static" for u in ("", "u") for b in (2, 4, 8)] + ["int8_static_full"]
WORDS = ["int8_token", "int8_tensor", *STATIC]
Range = tuple[Tensor | None, Tensor | None]
NONE: Range = (None, None)


def same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and bool(((a == b) | (a.isnan() & b.isnan())).all())


def product(
    equation: str,
    x: Tensor,
    y: Tensor,
    word: str,
    left: Range = NONE,
    right: Range = NONE,
    isa: str | None = None,
    threads: int = 1,
) -> Tensor:
    """As `operations.matmul`, by one instruction set and a number of threads."""
    return operations.matmul(x, y, equation, word, *left, *right, isa=isa, threads=threads)


@st.composite
def ranges(draw: st.DrawFn, word: str) -> Range:
    if "static" not in word:
        return NONE
    scale = torch.tensor([draw(st.sampled_from([0.02, 0.5, 1e-38]))])
    zero = torch.tensor([float(draw(st.sampled_from(code_range(word))))])
    return scale, draw(st.sampled_from([None, zero, torch.zeros(1)]))


@st.composite
def equations(draw: st.DrawFn) -> tuple[str, dict[str, int]]:
    """Axes of both operands or of one, summed or not, in any order; each operand has one."""
    counts = st.tuples(*[st.integers(0, n) for n in (2, 2, 2, 2, 1)])
    roles = draw(counts.filter(lambda n: n[0] + n[3] or (n[1] + n[4] and n[2])))
    letters = iter("abcdefghi")
    both, left, right, summed, only = ([next(letters) for _ in range(n)] for n in roles)
    order = [draw(st.permutations(t)) for t in (both + left + summed + only, both + right + summed)]
    result = draw(st.permutations(both + left + right))
    sizes = st.sampled_from([1, 2, 3, 5, 17] if sum(roles) > 4 else [1, 2, 5, 16, 33])
    found = {a: draw(sizes) for a in both + left + right + summed + only}
    return f"{''.join(order[0])},{''.join(order[1])}->{''.join(result)}", found


@st.composite
def tensors(draw: st.DrawFn, letters: str, sizes: dict[str, int]) -> Tensor:
    """Values, few of them or none odd, behind strides of any order, expanded or spaced."""
    shape = [sizes[a] for a in letters]
    order = draw(st.permutations(range(len(shape))))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1 << 20)))
    x = torch.randn([shape[i] for i in order], generator=generator)
    kind = draw(st.sampled_from(["plain", "extreme", "zeros", "nan", "inf", "tiny", "expanded"]))
    if kind == "extreme":
        x = torch.where(x > 0, 1e30, -1e30)
    elif kind == "zeros":
        x = x * (torch.rand(x.shape, generator=generator) < 0.1)
    elif kind == "tiny":
        x = x * 1e-40
    elif kind in ("nan", "inf"):
        x.view(-1)[int(x.numel() * 0.7)] = float(kind)
    elif kind == "expanded" and x.dim():
        x = x[:1].expand(x.shape)
    if draw(st.booleans()) and x.dim():
        x = torch.stack([x, x + 1], -1)[..., 0]
    return x.permute([order.index(i) for i in range(len(shape))])


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_products_are_those_of_the_reference(data):
    equation, sizes = data.draw(equations())
    left, _, right = equation.partition("->")[0].partition(",")
    x, y = data.draw(tensors(left, sizes)), data.draw(tensors(right, sizes))
    word = data.draw(st.sampled_from(WORDS))
    a, b = data.draw(ranges(word)), data.draw(ranges(word))
    expected = matmul(equation, x, y, word, a, b)
    isa, threads = data.draw(st.sampled_from(ISAS)), data.draw(st.integers(1, 3))
    assert same(product(equation, x, y, word, a, b, isa, threads), expected)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("equation", ["bthd,bshd->bhts", "bhts,bshd->bthd"])
@pytest.mark.parametrize("word", WORDS)
def test_attention(equation, word, isa):
    """Of sizes that fill tiles, and of codes that are all ends of a range."""
    torch.manual_seed(0)
    shapes = {"b": 2, "h": 3, "t": 100, "s": 131, "d": 72}
    left, right = (torch.randn([shapes[a] for a in t]) for t in equation[:9].split(","))
    range = NONE
    if "static" in word:
        range = torch.tensor([1e-3]), torch.tensor([float(code_range(word)[0])])
    expected = matmul(equation, left, right, word, range, range)
    for threads in (1, 5, 7):
        assert same(product(equation, left, right, word, range, range, isa, threads), expected)


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("word", ["int8_token", "int8_static_full", "uint8_static"])
def test_sums_beyond_32_bits_are_exact(word, isa):
    k = 70_000
    x, y = torch.full((2, k), 1e3), torch.full((3, k), -1e3)
    x[:, ::7], y[1] = -1e3, 1e3
    range = NONE
    if "static" in word:
        range = torch.tensor([1.0]), torch.tensor([float(code_range(word)[0])])
    expected = matmul("ik,jk->ij", x, y, word, range, range)
    assert same(product("ik,jk->ij", x, y, word, range, range, isa), expected)
    found = product("ik,kj->ij", x, y.T.contiguous(), word, range, range, isa)
    assert same(found, expected)


def test_nothing_to_do():
    backend("cpu")
    run = operation("matmul", "default")
    empty = run(torch.empty(0, 3), torch.randn(4, 3), "ik,jk->ij", "int8_token")
    assert empty.shape == (0, 4)
    assert run(torch.empty(2, 0), torch.empty(4, 0), "ik,jk->ij", "int8_token").eq(0).all()
    assert operation("round", "default")(torch.empty(3, 0), "int8_token").shape == (3, 0)


@pytest.mark.parametrize(
    ("equation", "message"),
    [
        ("ii,ij->j", "occurs twice"),
        ("ij,jk", "is written"),
        ("ij,ik->jk", "two sizes"),
        ("i,jk->ik", "names the axes"),
        ("ij,jk->iz", "in neither operand"),
    ],
)
def test_equations_that_do_not_fit(equation, message):
    x, y = torch.randn(3, 3), torch.randn(2, 3)
    with pytest.raises(ValueError, match=message):
        operations.matmul(x, y, equation, "int8_token")


@pytest.mark.parametrize(
    "word", ["f32", "bf16", "int9_static", "uint8_static_full", "int8", "uint_static"]
)
def test_words_that_say_no_rounding(word):
    with pytest.raises((KeyError, ValueError), match=word):
        operations.round(torch.randn(3), word)


def test_ranges_that_are_none():
    x, scale = torch.randn(3), torch.ones(1)
    with pytest.raises(ValueError, match="has a scale"):
        operations.round(x, "int8_static")
    with pytest.raises(ValueError, match="outside its range"):
        operations.round(x, "int4_static", scale, torch.tensor([9.0]))
    with pytest.raises(ValueError, match="`x` is torch"):
        operations.round(x.double(), "int8_token")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_values_are_those_of_the_reference(data):
    shape = data.draw(st.lists(st.sampled_from([1, 2, 3, 40]), min_size=1, max_size=4))
    letters = "abcd"[: len(shape)]
    x = data.draw(tensors(letters, dict(zip(letters, shape, strict=True))))
    word = data.draw(st.sampled_from(WORDS))
    scale, zero = data.draw(ranges(word))
    backend("cpu")
    found = operation("round", "default")(x, word, scale, zero)
    assert same(found, round_values(x, word, scale, zero))


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("word", WORDS)
def test_every_instruction_set_rounds_alike(word, isa):
    torch.manual_seed(0)
    x = torch.randn(7, 5, 1001) * torch.logspace(-6, 6, 7)[:, None, None]
    x[2, 3, 4], x[3, 0, 0], x[4, 4, 1000] = float("nan"), float("inf"), -float("inf")
    scale, zero = NONE
    if "static" in word:
        scale, zero = torch.tensor([0.03]), torch.tensor([1.0])
    expected = round_values(x, word, scale, zero)
    for threads in (1, 3):
        found = operations.round(x, word, scale, zero, isa=isa, threads=threads)
        assert same(found, expected)
