"""Defines `ternary`: -1, 0 and +1 times a scale."""

from qdsl.ir.family import SCALED_OPTIONS, Family
from qdsl.ir.format import TernaryGrid

TERNARY = Family(
    name="ternary",
    grid=TernaryGrid(),
    doc=(
        "Two bits a weight, or with `pack = base3` five weights in a byte. "
        "`rule = absmean`: s = mean|w|, q = round(w / s) within ±1; "
        "`rule = threshold`: 0 where |w| is at most 0.7·mean|w|, s the mean of the |w| above."
    ),
    source="absmean: arXiv 2402.17764; threshold: arXiv 1605.04711",
    options=SCALED_OPTIONS | {"rule", "pack"},
    flags=frozenset({"symmetric"}),
)
