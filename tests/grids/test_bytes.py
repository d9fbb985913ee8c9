"""Every weight format with every rounding of activations, pattern and layer: codes and bytes.

Formats differ in options too: those of a family take turns, so that each pair of options is met.
"""

from pathlib import Path

import numpy as np
import pytest

from qdsl.artifact.container import read
from qdsl.fx.compare import stored_otherwise
from tests.artifact.test_plain_reader import weights
from tests.grids.formats import every_cell, formats, refused_cells
from tests.grids.kinds import kinds
from tests.grids.specs import inputs_of, lines_with_errors, spec_of
from tests.grids.words import FAMILIES, PATTERNS


@pytest.mark.parametrize("family", FAMILIES)
def test_codes_and_bytes(family: str, tmp_path: Path) -> None:
    grid = tuple(every_cell(family))
    spec = spec_of(grid, tmp_path)
    assert [d.message for d in spec.diagnostics if d.is_error] == []
    variant = spec.variants["v"]
    program = variant.program(seed=1).to_qat().eval()
    if any(program.ranges()):
        program.calibrate(inputs_of(grid))
    path = tmp_path / "grid.qpack"

    packed = program.pack(path)

    assert variant.size().total_bytes == packed == path.stat().st_size
    assert stored_otherwise(program, read(path)) == ()
    found = weights(path.read_bytes())
    assert found.keys() == {s.path for s in program.ir.storages}
    for key, quantizer, weight in program.quantizers():
        matrix = quantizer.dequantized().view(weight.shape).numpy()
        assert np.array_equal(found[key], matrix), key


@pytest.mark.parametrize("family", FAMILIES)
def test_what_makes_no_sense_is_refused(family: str, tmp_path: Path) -> None:
    """A diagnostic stands on the rule of each refused layer."""
    grid = tuple(refused_cells(family))
    found = lines_with_errors(spec_of(grid, tmp_path), grid)
    accepted = [(str(grid[i].rule), grid[i].refusals) for i in range(len(grid)) if i not in found]
    assert accepted == []


def test_the_grids_are_not_empty() -> None:
    assert len(FAMILIES) >= 20
    assert {kind.name for kind in kinds()} >= {"Linear", "Conv2d_groups", "LSTM", "Embedding"}
    assert {f.pattern for f in formats("int4")} == set(PATTERNS)
    assert len(formats("int4")) >= 20
    assert len(tuple(every_cell("int4"))) > 400
    assert len(tuple(refused_cells("int4"))) > 50
