"""A selection with every pair of formats, patterns, activations and layers: trained to verified."""

from pathlib import Path

import pytest
import torch

from qdsl.fx import Program, load, verify
from tests.grids.covering import pairs_of
from tests.grids.formats import Cell, covering_cells, every_cell
from tests.grids.specs import inputs_of, results_of, spec_of
from tests.grids.words import FAMILIES

SHARES = 6


@pytest.mark.parametrize("share", range(SHARES))
def test_a_step_then_packed_then_verified(share: int, tmp_path: Path) -> None:
    grid = covering_cells()[share::SHARES]
    spec = spec_of(grid, tmp_path)
    assert [d.message for d in spec.diagnostics if d.is_error] == []
    program = spec.variants["v"].program(seed=1).to_qat().train()
    before = {name: p.detach().clone() for name, p in program.named_parameters()}
    optimizer = torch.optim.SGD(program.parameters(), lr=1e-2)
    for name, values in inputs_of(grid, seed=1):
        results = program.entry(name)(*values)
        loss = sum(r.square().sum() for r in _tuple(results))
        loss.backward()
    optimizer.step()
    # of weights less their mean nothing is left where a scale has one
    centered = {f"l{i}" for i, cell in enumerate(grid) if "center" in cell.format.options}
    still = {n for n, p in program.named_parameters() if torch.equal(p, before[n])}
    assert {n for n in still if n.partition(".")[0] not in centered and ":q" not in n} == set()
    assert all(bool(p.isfinite().all()) for p in program.parameters())

    program.eval().freeze()
    path = tmp_path / "grid.qpack"
    program.pack(path)

    report = verify(program, path, inputs_of(grid), "reference")
    failed = {name: grid[int(name[1:])].rule for name in report.failed if name[1:].isdigit()}
    assert (report.failed, failed) == ((), {})
    assert len(report.layers) >= 0.8 * len(grid)
    # exact mode is what the reference computes, to the bit; torch's own float products need not be
    exact, packed = program.exact(), load(path, "reference")
    for name, values in inputs_of(grid):
        pairs = zip(_results(exact, name, values), _results(packed, name, values), strict=True)
        for cell, (a, b) in zip(results_of(grid, name), pairs, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-6 if cell.is_float else 0)


@torch.no_grad()
def _results(program: Program, name: str, values: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    return _tuple(program.entry(name)(*values))


def _tuple(results: object) -> tuple[torch.Tensor, ...]:
    return results if isinstance(results, tuple) else (results,)  # type: ignore[return-value]


def test_every_pair_of_the_whole_grid_is_covered() -> None:
    rows = [_row(cell) for cell in covering_cells()]
    covered = {pair for row in rows for pair in pairs_of(row, tuple(row))}
    names = set()
    for family in FAMILIES:
        for cell in every_cell(family):
            row = _row(cell)
            missing = set(pairs_of(row, tuple(row))) - covered
            assert not missing, (cell.rule, missing)
            names |= row.keys()
    assert {"family", "kind", "activations", "sparse", "group", "zero", "levels"} <= names


def _row(cell: Cell) -> dict[str, object]:
    """What a cell is made of, options in the order of their names."""
    return {
        "family": cell.format.family,
        "sparse": cell.format.pattern,
        "activations": str(cell.activations),
        "kind": cell.kind.name,
        **dict(sorted(cell.format.options.items())),
    }
