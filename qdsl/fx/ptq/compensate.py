"""Rounds a weight matrix column by column, later columns making up for the errors of earlier ones.

The method is GPTQ (arXiv 2210.17323) with static groups and the natural order of columns: scales
and zeros are those of plain rounding, as they are stored, before any error is carried on.
"""

from dataclasses import dataclass, replace
from typing import assert_never

import torch
from torch import Tensor

from qdsl.fx.numerics import Quantized, State, dequantize, quantize
from qdsl.ir.format import (
    BinaryGrid,
    CodebookGrid,
    FloatGrid,
    IntegerGrid,
    PerChannel,
    PerGroup,
    TernaryGrid,
    WeightFormat,
)
from qdsl.ir.pattern import Dense

BLOCK = 128  # columns whose errors are carried to later blocks together
DAMPING = 0.01  # of the mean of the diagonal


@dataclass(frozen=True, slots=True)
class Rounded:
    """Codes of a matrix and Σ|x·(w - ŵ)|² over the inputs that were seen, of both ways to round."""

    quantized: Quantized
    plain_error: float
    compensated_error: float

    @property
    def compensated(self) -> bool:
        """Whether the codes are other than those of plain rounding."""
        return self.compensated_error < self.plain_error


@torch.no_grad()
def compensate(weight: Tensor, format: WeightFormat, state: State, moments: Tensor) -> Rounded:
    """The codes of a matrix f32 [N, K] for inputs with these moments XᵀX f64 [P, K, K].

    P parts of N / P rows have inputs of their own, as in a grouped convolution. Of plain rounding
    and compensated rounding the one of less error is taken. State gives mask and clip.
    """
    plain = quantize(weight, format, state)
    parts = moments.shape[0]
    target = weight.double().view(parts, -1, weight.shape[1])
    before = _error(target, dequantize(plain, format, state.mask), moments)
    factor = _factor(moments)
    if factor is None:
        return Rounded(plain, before, before)
    codes = _Columns(format, state, plain).codes(target.clone(), factor)
    found = replace(plain, codes=codes)
    after = _error(target, dequantize(found, format, state.mask), moments)
    return Rounded(found if after < before else plain, before, after)


def output_energy(weight: Tensor, moments: Tensor) -> float:
    """Σ|x·w|² over the inputs that were seen."""
    target = weight.double().view(moments.shape[0], -1, weight.shape[1])
    return float(((target @ moments) * target).sum())


def _error(target: Tensor, weight: Tensor, moments: Tensor) -> float:
    difference = target - weight.double().view(target.shape)
    # of a form that is never negative rounding leaves what may be
    return max(0.0, float(((difference @ moments) * difference).sum()))


def _factor(moments: Tensor) -> Tensor | None:
    """U [P, K, K] upper with UᵀU = (XᵀX + damping)⁻¹; None for inputs that are not finite."""
    if not bool(moments.isfinite().all()):
        return None
    diagonal = moments.diagonal(dim1=1, dim2=2)
    damping = DAMPING * diagonal.mean(1, keepdim=True)
    # an input that was always 0 carries no error on
    shift = torch.where(damping > 0, damping, 1.0).expand_as(diagonal)
    lower, failed = torch.linalg.cholesky_ex(moments + torch.diag_embed(shift))
    if bool(failed.any()):
        return None
    upper, failed = torch.linalg.cholesky_ex(torch.cholesky_inverse(lower), upper=True)
    return None if bool(failed.any()) else upper


class _Columns:
    """Rounds single columns to the scales, zeros and mask of plain rounding."""

    def __init__(self, format: WeightFormat, state: State, plain: Quantized) -> None:
        self._group = format.grouping.size if isinstance(format.grouping, PerGroup) else None
        self._format = _of_columns(format)
        self._state, self._plain = state, plain

    def codes(self, weight: Tensor, factor: Tensor) -> Tensor:
        """Codes f32 [N, K]; `weight` f64 [P, N / P, K] is used up."""
        columns = weight.shape[-1]
        codes = torch.empty(weight.shape[0] * weight.shape[1], columns, device=weight.device)
        for begin in range(0, columns, BLOCK):
            end = min(begin + BLOCK, columns)
            errors = torch.empty_like(weight[..., begin:end])
            for i in range(begin, end):
                column = weight[..., i]
                codes[:, i], rounded = self._rounded(column, i)
                error = (column - rounded) / factor[:, i, i, None]
                rest = factor[:, i, None, i + 1 : end]
                weight[..., i + 1 : end] -= error.unsqueeze(-1) * rest
                errors[..., i - begin] = error
            weight[..., end:] -= errors @ factor[:, begin:end, end:]
        return codes

    def _rounded(self, column: Tensor, i: int) -> tuple[Tensor, Tensor]:
        """Codes f32 [N] and what they stand for, like the column f64 [P, N / P]."""
        given = column.reshape(-1, 1).float()
        mask = None if self._state.mask is None else self._state.mask[:, i : i + 1]
        state = replace(
            self._state,
            mask=mask,
            clip=None,
            codes=None,
            scale=self._of_group(self._plain.scale, i, len(given)),
            zero=self._of_group(self._plain.zero, i, len(given)),
            codebook=self._plain.codebook,
        )
        found = quantize(given, self._format, state)
        return found.codes[:, 0], dequantize(found, self._format, mask).double().view_as(column)

    def _of_group(self, table: Tensor | None, i: int, rows: int) -> Tensor | None:
        """The scales or zeros [N, 1] of column i."""
        if table is None:
            return None
        group = 0 if self._group is None else i // self._group
        return table[:, group : group + 1].expand(rows, 1)


def _of_columns(format: WeightFormat) -> WeightFormat:
    """The format with a scale for each row and the nearest codes, no statistics of a group."""
    grid = format.grid
    match grid:
        case TernaryGrid():
            grid = replace(grid, rule="absmean")
        case BinaryGrid():
            grid = replace(grid, center=False)
        case IntegerGrid() | CodebookGrid() | FloatGrid():
            pass
        case _:
            assert_never(grid)
    return replace(format, grid=grid, grouping=PerChannel(), pattern=Dense())
