"""Reports the size of a packed model to the byte, without weights."""

from collections.abc import Callable, Mapping
from dataclasses import field
from fractions import Fraction
from typing import Any

from qdsl.artifact.layout import layout
from qdsl.ir.model import Model, Storage
from qdsl.record import record
from qdsl.size.count import Row, parameters, rows


@record
class Report:
    """header_bytes + the rows' total_bytes = total_bytes = the length of the packed file.

    `source` is the model before passes, whose parameters the baselines count (ties once), and
    `source_paths` the names it gives them; `model` is what is packed.
    """

    variant: str
    rows: tuple[Row, ...]
    header_bytes: int
    total_bytes: int
    params: int
    source_paths: frozenset[str] = field(compare=False, repr=False)
    source: Model = field(compare=False, repr=False)
    model: Model = field(compare=False, repr=False)

    def __repr__(self) -> str:
        rows = len(self.rows)
        return f"<Report of {self.variant}: {self.total_bytes:,} B, {rows} rows>"

    @property
    def float32_bytes(self) -> int:
        return 4 * self.params

    @property
    def bfloat16_bytes(self) -> int:
        return 2 * self.params

    @property
    def bits_per_weight(self) -> Fraction:
        """Bits of the whole file per parameter of the source model."""
        return Fraction(8 * self.total_bytes, self.params or 1)


def size(
    variant: str,
    source: Model,
    model: Model,
    kernel_of: Callable[[Storage], str],
    *,
    choices: Mapping[str, str] | None = None,
) -> Report:
    """The size of `model`, which passes made of `source`.

    `kernel_of` names a storage's kernel; `choices` are the formats that a lock gave, which the
    header of the file repeats.
    """
    plan = layout(model, choices)
    return Report(
        variant=variant,
        rows=rows(model, kernel_of),
        header_bytes=plan.header_bytes,
        total_bytes=plan.total_bytes,
        params=parameters(source),
        source_paths=frozenset(s.path for s in source.storages) | source.ties.keys(),
        source=source,
        model=model,
    )


def to_json(report: Report) -> dict[str, Any]:
    """The report as JSON values; docs/reports.md says what each key means."""
    return {
        "variant": report.variant,
        "total_bytes": report.total_bytes,
        "header_bytes": report.header_bytes,
        "float32_bytes": report.float32_bytes,
        "bfloat16_bytes": report.bfloat16_bytes,
        "params": report.params,
        "rows": [_row(row) for row in report.rows],
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "path": row.path,
        "kind": row.kind,
        "shape": list(row.shape),
        "params": row.params,
        "format": row.format,
        "kernel": row.kernel,
        "payload_bytes": row.payload_bytes,
        "scale_bytes": row.scale_bytes,
        "zero_point_bytes": row.zero_point_bytes,
        "index_bytes": row.index_bytes,
        "total_bytes": row.total_bytes,
    }
