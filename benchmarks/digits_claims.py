"""Judges what papers say of techniques by the rows of the table, within their intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from digits_rows import FLOAT, Heard, Result, Row

from qdsl.tasks.asr.score import Score, paired_interval


@dataclass(frozen=True, slots=True)
class Claim:
    """`first` errs as often as `second`, or less often, as a source says."""

    says: str
    source: str
    first: Row
    relation: Literal["as", "less than", "more than"]
    second: Row


@dataclass(frozen=True, slots=True)
class Verdict:
    """The paired intervals of first's error rate less second's, in silence and in noise."""

    says: str
    source: str
    clean: tuple[float, float]
    noisy: tuple[float, float]
    holds: tuple[str, str]

    def __str__(self) -> str:
        parts = (
            f"{name} {word} ({100 * low:+.1f} .. {100 * high:+.1f})"
            for name, word, (low, high) in zip(
                ("clean", "noisy"), self.holds, (self.clean, self.noisy), strict=True
            )
        )
        return f"{self.says} [{self.source}]: {'; '.join(parts)}"


INT8, INT4 = Row("int8"), Row("int4")
USM_LITE, TWO_BIT, BINARY = "arXiv 2312.08553", "arXiv 2305.16619", "arXiv 2406.02887"

CLAIMS = (
    Claim("int8 is free", USM_LITE, INT8, "as", Row(FLOAT)),
    Claim("int4 is free", "arXiv 2203.15952", INT4, "as", Row(FLOAT)),
    Claim("int4 with 2:4 is close to float", USM_LITE, Row("int4_2_4"), "as", Row(FLOAT)),
    Claim("2:4 alone is close to float", USM_LITE, Row("sparse_2_4"), "as", Row(FLOAT)),
    Claim("1:4 alone is not", USM_LITE, Row("sparse_1_4"), "more than", Row(FLOAT)),
    Claim("plain int2 is not free", TWO_BIT, Row("int2"), "more than", Row(FLOAT)),
    Claim(
        "int2 asymmetric with groups and clipping is free",
        TWO_BIT,
        Row("int2_all"),
        "as",
        Row(FLOAT),
    ),
    Claim(
        "asymmetric groups and clipping help int2",
        TWO_BIT,
        Row("int2_all"),
        "less than",
        Row("int2"),
    ),
    Claim("int4 with 2:4 beats int2", USM_LITE, Row("int4_2_4"), "less than", Row("int2")),
    Claim(
        "int4 with 2:4 beats int3 of equal size",
        USM_LITE,
        Row("int4_2_4"),
        "less than",
        Row("int3"),
    ),
    Claim(
        "int4 with 1:4 beats grouped binary of equal size",
        USM_LITE,
        Row("int4_1_4"),
        "less than",
        Row("binary_group"),
    ),
    Claim(
        "int4 with 1:4 beats int2 with 1:4 of equal size",
        USM_LITE,
        Row("int4_1_4"),
        "less than",
        Row("int2_1_4"),
    ),
    Claim("binary is close to float", BINARY, Row("binary"), "as", Row(FLOAT)),
    Claim("training int4 beats rounding it", USM_LITE, INT4, "less than", Row("int4", "rounded")),
    Claim(
        "training int2 beats compensating it",
        TWO_BIT,
        Row("int2_all"),
        "less than",
        Row("int2_all", "compensated"),
    ),
    Claim("8-bit in integers is free", "arXiv 1911.03604", Row("integer8"), "as", Row(FLOAT)),
)


def judge(claim: Claim, results: Mapping[Row, Result]) -> Verdict:
    """`holds` is `holds`, `does not hold` or, where the interval spans 0, `undecided`.

    That two err alike holds where the interval of their difference spans 0.
    """
    first, second = results[claim.first], results[claim.second]
    clean = _difference(first.clean, second.clean)
    noisy = _difference(first.noisy, second.noisy)
    holds = _word(claim.relation, clean), _word(claim.relation, noisy)
    return Verdict(claim.says, claim.source, clean, noisy, holds)


def _difference(first: Heard, second: Heard) -> tuple[float, float]:
    own, other = (Score(h.errors, h.words) for h in (first, second))
    return paired_interval(other, own)


def _word(relation: str, found: tuple[float, float]) -> str:
    low, high = found
    spans = low <= 0 <= high
    if relation == "as":
        return "holds" if spans or high < 0 else "does not hold"
    if spans:
        return "undecided"
    return "holds" if (high < 0) == (relation == "less than") else "does not hold"
