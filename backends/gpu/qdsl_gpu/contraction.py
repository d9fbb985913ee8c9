"""Reduces an einsum of two tensors to products of matrices, one for each batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Contraction:
    """Axes, a letter each, in the parts that they play; `sizes` are theirs.

    batch: of both and the result; rows, columns: of one and the result; summed: the rest.
    """

    left: str
    right: str
    result: str
    sizes: Mapping[str, int]

    @staticmethod
    def of(equation: str, x: Tensor, y: Tensor) -> "Contraction":
        """Raises ValueError for an equation that is not `ab,bc->ac` of these tensors."""
        given, arrow, result = equation.replace(" ", "").partition("->")
        left, comma, right = given.partition(",")
        known = set(left) | set(right)
        fits = arrow and comma and len(left) == x.dim() and len(right) == y.dim()
        if not fits or any(len(set(t)) < len(t) for t in (left, right, result)):
            raise ValueError(f"`{equation}` is no equation of {x.dim()} and {y.dim()} axes")
        if not set(result) <= known:
            raise ValueError(f"`{equation}` has an axis of neither operand in its result")
        axes = [*zip(left, x.shape, strict=True), *zip(right, y.shape, strict=True)]
        return Contraction(left, right, result, dict(axes))

    @property
    def batch(self) -> str:
        return "".join(a for a in self.result if a in self.left and a in self.right)

    @property
    def rows(self) -> str:
        return "".join(a for a in self.result if a not in self.right)

    @property
    def columns(self) -> str:
        return "".join(a for a in self.result if a not in self.left)

    @property
    def summed(self) -> str:
        return "".join(dict.fromkeys(a for a in self.left + self.right if a not in self.result))

    def count(self, axes: str) -> int:
        return prod(self.shape(axes))

    def shape(self, axes: str) -> tuple[int, ...]:
        return tuple(self.sizes[a] for a in axes)

    def lines(self, of: Tensor, letters: str) -> Tensor:
        """An operand as [batch, rows or columns, summed]."""
        own = self.rows if letters == self.left else self.columns
        return self.ordered(of, letters, (self.batch, own, self.summed))

    def ordered(self, of: Tensor, letters: str, order: Sequence[str]) -> Tensor:
        """An operand with an axis for each string of letters; one that it lacks is repeated."""
        every = "".join(order)
        missing = [a for a in every if a not in letters]
        given = [*letters, *missing]
        of = of[(..., *[None] * len(missing))].permute([given.index(a) for a in every])
        return of.expand(self.shape(every)).reshape([self.count(axes) for axes in order])

    def largest(self, of: Tensor, letters: str) -> Tensor:
        """max|x| of the example of each line, f32 [lines].

        The first axis counts examples, if the result has it.
        """
        begins = bool(letters) and letters[0] in self.result
        axes, size = tuple(range(int(begins), of.dim())), of.abs().float()
        top = (size.amax(axes, keepdim=True) if axes else size).expand(of.shape)
        kept = [a for a in letters if a in self.result]
        for axis in reversed(range(of.dim())):
            top = top if letters[axis] in kept else top.select(axis, 0)
        order = self.batch + (self.rows if letters == self.left else self.columns)
        return top.permute([kept.index(a) for a in order]).reshape(-1).contiguous()

    def shaped(self, y: Tensor) -> Tensor:
        """[batch, rows, columns] as the result."""
        order = self.batch + self.rows + self.columns
        y = y.view([self.sizes[a] for a in order])
        return y.permute([order.index(a) for a in self.result]).contiguous()
