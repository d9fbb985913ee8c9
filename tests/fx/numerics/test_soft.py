"""Holds the gradient of every quantizer to finite differences of its soft definition.

The soft definition is the plain formula in float64 in which every rounding adds a constant, what it
added at the point, and every choice (inside the grid or not, sign, above a threshold) stays what it
was there. Straight-through estimation is the gradient of that function.
"""

from dataclasses import dataclass, field
from functools import partial

import pytest
import torch
from torch import Tensor

from qdsl.fx.numerics import State, fake_quantize, find_codebook
from qdsl.ir.format import (
    NORMAL_FLOATS,
    BinaryGrid,
    CodebookGrid,
    FixedClip,
    FloatGrid,
    FloatType,
    FloatZero,
    IntegerGrid,
    IntegerZero,
    LearnedClip,
    Levels,
    PerChannel,
    PerGroup,
    PerTensor,
    SearchedClip,
    Symmetric,
    TernaryGrid,
    WeightFormat,
)

ROWS, COLUMNS, STEP = 3, 20, 1e-6
TYPES = {
    FloatType.F32: torch.float32,
    FloatType.F16: torch.float16,
    FloatType.BF16: torch.bfloat16,
}


@dataclass
class Point:
    """What roundings added and choices were when the function was first evaluated."""

    known: dict[object, Tensor] = field(default_factory=dict)

    def through(self, name: object, x: Tensor, value: Tensor) -> Tensor:
        return x + self.known.setdefault(name, (value - x).clone())

    def choice(self, name: object, chosen: Tensor) -> Tensor:
        return self.known.setdefault(name, chosen.clone())

    def stored(self, name: object, x: Tensor, type: FloatType) -> Tensor:
        return self.through(name, x, x.to(torch.float32).to(TYPES[type]).double())


def soft(w: Tensor, format: WeightFormat, state: State, at: Point) -> Tensor:
    """The function whose gradient is asked for, group by group, float64 [N, K]."""
    result = torch.zeros_like(w)
    mask = torch.ones_like(w, dtype=torch.bool) if state.mask is None else state.mask
    for number, (row, group, part) in enumerate(groups_of(format)):
        kept = torch.zeros_like(mask)
        kept[part] = mask[part]
        clip = 1.0 if state.clip is None else state.clip[row, group].double()
        clip = format.clip.coefficient if isinstance(format.clip, FixedClip) else clip
        learned = None if state.scale is None else state.scale[row, group].double()
        name = partial(pair, number)
        result[kept] = grid_soft(w[kept], format, clip, learned, state.codebook, at, name)
    return result


def pair(number, word):
    return number, word


def groups_of(format):
    """Scale row, scale column and the entries of the matrix they are for."""
    match format.grouping:
        case PerTensor():
            yield 0, 0, (slice(None), slice(None))
        case PerChannel():
            yield from ((r, 0, (r, slice(None))) for r in range(ROWS))
        case PerGroup(size):
            for r in range(ROWS):
                for g, start in enumerate(range(0, COLUMNS, size)):
                    yield r, g, (r, slice(start, start + size))


def grid_soft(w, format, c, learned, codebook, at, name):
    match format.grid:
        case FloatGrid(type):
            return at.stored(name("w"), w, type)
        case IntegerGrid() as grid:
            return integer_soft(w, format, grid, c, learned, at, name)
        case TernaryGrid(rule):
            above = at.choice(name("above"), w.abs() > 0.7 * w.abs().mean())
            raw = w[above].abs().mean() if rule == "threshold" else w.abs().mean()
            s = at.stored(name("s"), raw, format.scale)
            position = (w / s).round()
            code = w.sign() * above if rule == "threshold" else position.clamp(-1, 1)
            inside = at.choice(name("in"), position.abs() <= 1)
            code = at.choice(name("code"), code)
            return s * torch.where(inside, at.through(name("q"), w / s, code), code)
        case BinaryGrid(center, ste):
            rest = w - w.mean() if center else w
            a = at.stored(name("a"), rest.abs().mean(), format.scale)
            code = torch.where(rest >= 0, 1.0, -1.0).double()
            q = at.through(name("q"), rest, at.choice(name("code"), code))
            return a * q if ste == "scaled" else at.through(name("w"), rest, a * code)
        case CodebookGrid(_, values):
            s = at.stored(name("s"), w.abs().max(), format.scale)
            known = torch.tensor(values or codebook.tolist()).double()
            nearest = (w[:, None] / s - known).abs().argmin(1)
            return s * at.through(name("q"), w / s, known[nearest])


def integer_soft(w, format, grid, c, learned, at, name):
    low, high, half = grid.qmin, grid.qmax, grid.levels is Levels.HALF
    least, most = min(w.min(), 0.0), max(w.max(), 0.0)
    if isinstance(format.zero, Symmetric):
        raw = c * w.abs().max() / (high + 0.5 * half) if learned is None else learned
        s, h = at.stored(name("s"), raw, format.scale), 0.5 * half
        position, shift, back = w / s - h, 0.0, s * h
    else:
        s = at.stored(name("s"), c * (most - least) / (high - low), format.scale)
        if isinstance(format.zero, IntegerZero):
            raw = low - c * least / s
            code = at.choice(name("zero"), raw.round().clamp(low, high))
            inside = at.choice(name("zero in"), raw.round() == code)
            shift = torch.where(inside, at.through(name("z"), raw, code), code)
            back = -s * shift
        else:
            zs = at.stored(name("z"), low * s - c * least, format.zero.type)
            shift, back = zs / s, -zs
        position = w / s + shift
    code = at.choice(name("code"), position.round().clamp(low, high))
    inside = at.choice(name("in"), position.round() == code)
    return s * torch.where(inside, at.through(name("q"), position, code), code) + back


def differences(w, format, state, given):
    """Σ g·ŵ by each weight, centrally."""
    at, found = Point(), torch.zeros_like(w)
    soft(w, format, state, at)
    for i in range(w.numel()):
        moved = [w.clone(), w.clone()]
        moved[0].view(-1)[i] += STEP
        moved[1].view(-1)[i] -= STEP
        up, down = ((soft(m, format, state, at) * given).sum() for m in moved)
        found.view(-1)[i] = (up - down) / (2 * STEP)
    return found


def random(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


INTEGERS = [
    WeightFormat("x", IntegerGrid(bits, signed, levels), zero=zero)
    for bits in (2, 4, 8)
    for signed, levels, zero in (
        *((True, levels, Symmetric()) for levels in Levels),
        *((s, Levels.FULL, z) for s in (True, False) for z in (IntegerZero(), FloatZero())),
    )
]
OTHERS = [
    WeightFormat("x", grid)
    for grid in (
        *(FloatGrid(type) for type in (FloatType.F16, FloatType.BF16)),
        *(TernaryGrid(rule) for rule in ("absmean", "threshold")),
        *(BinaryGrid(c, ste) for c in (False, True) for ste in ("scaled", "identity")),
        *(CodebookGrid(bits) for bits in (2, 3, 4)),
        CodebookGrid(4, NORMAL_FLOATS),
    )
]
GROUPINGS = (PerTensor(), PerChannel(), PerGroup(8, short_tail=True))
CLIPS = (None, FixedClip(0.5), SearchedClip())


def variants():
    """Each format under one grouping, type of scales and clip, which go round."""
    for i, format in enumerate(INTEGERS + OTHERS):
        clip = CLIPS[i % 3] if isinstance(format.grid, IntegerGrid) else None
        fields = {"grouping": GROUPINGS[i // 3 % 3], "scale": list(FloatType)[i // 2 % 3]}
        if clip is not None:
            fields["clip"] = clip
        yield WeightFormat("x", format.grid, zero=format.zero, **fields)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("format", list(variants()), ids=str)
def test_gradient(format, masked):
    weight, given = random(1, ROWS, COLUMNS), random(2, ROWS, COLUMNS)
    mask = random(3, ROWS, COLUMNS) < 0.5 if masked else None
    rows = 1 if isinstance(format.grouping, PerTensor) else ROWS
    columns = 3 if isinstance(format.grouping, PerGroup) else 1
    clip = torch.linspace(0.4, 0.9, rows * columns).reshape(rows, columns)
    codebook = find_codebook(weight, format, mask)
    state = State(mask, clip if isinstance(format.clip, SearchedClip) else None, codebook=codebook)

    result = weight.clone().requires_grad_()
    fake_quantize(result, format, state).backward(given)

    expected = differences(weight.double(), format, state, given.double())
    torch.testing.assert_close(result.grad.double(), expected, atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("grouping", GROUPINGS, ids=str)
@pytest.mark.parametrize("bits", [2, 4])
@pytest.mark.parametrize("levels", list(Levels))
def test_gradient_of_a_learned_scale(levels, bits, grouping, masked):
    """LSQ: what the soft definition says, times 1/sqrt(n·qmax); that of the weight is 1 inside."""
    weight, given = random(4, ROWS, COLUMNS), random(5, ROWS, COLUMNS)
    mask = random(6, ROWS, COLUMNS) < 0.5 if masked else None
    format = WeightFormat("x", IntegerGrid(bits, levels=levels), grouping, clip=LearnedClip())
    parts = list(groups_of(format))
    rows, columns = 1 + max(r for r, _, _ in parts), 1 + max(g for _, g, _ in parts)
    scale = torch.linspace(0.2, 0.6, rows * columns).reshape(rows, columns).requires_grad_()

    result = weight.clone().requires_grad_()
    fake_quantize(result, format, State(mask, scale=scale)).backward(given)

    frozen = State(mask, scale=scale.detach())
    expected = differences(weight.double(), format, frozen, given.double())
    torch.testing.assert_close(result.grad.double(), expected, atol=1e-5, rtol=1e-5)
    at = Point()
    soft(weight.double(), format, frozen, at)
    for row, column, part in parts:
        found = []
        for sign in (1, -1):
            moved = scale.detach().double().clone()
            moved[row, column] += sign * STEP
            moved_to = soft(weight.double(), format, State(mask, scale=moved), at)
            found.append((moved_to * given.double()).sum())
        n = weight[part].numel() if mask is None else int(mask[part].sum())
        slope = (found[0] - found[1]) / (2 * STEP) / (n * (2 ** (bits - 1) - 1)) ** 0.5
        torch.testing.assert_close(scale.grad[row, column].double(), slope, atol=1e-4, rtol=1e-4)
