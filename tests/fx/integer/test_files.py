"""What a file holds of integer arithmetic, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from qdsl.artifact import container
from qdsl.artifact.codec import Malformed
from qdsl.artifact.model_reader import model_from_json
from qdsl.artifact.schema import model_to_json
from qdsl.fx.compare import stored_otherwise
from qdsl.fx.integer.stored import frozen_tables
from qdsl.fx.restore import restore_frozen, save_frozen
from qdsl.ir.integer import plans, tables
from qdsl.ir.model import Arithmetic

Train = Callable[[str], Any]


def test_a_file_has_the_tables_and_scales_of_its_plan(trained: Train, tmp_path: Path) -> None:
    _, quantized, _, _ = trained("elementwise")
    quantized.pack(tmp_path / "packed")
    artifact = container.read(tmp_path / "packed")
    model = artifact.model
    assert model.arithmetic is Arithmetic.INTEGER
    assert plans(model).observed == plans(quantized.ir).observed
    names = [f"{t.path}.{t.name}" for t in tables(model)]
    # the calls of one function at one place have one table
    assert names == [f"{t.path}.{t.name}" for t in tables(quantized.ir)]
    assert len(set(names)) == len(names)
    for key, entries in frozen_tables(quantized):
        assert torch.equal(torch.from_numpy(artifact.tensor(key).copy()), entries)
    assert stored_otherwise(quantized, artifact) == ()


def test_the_names_of_ranges_are_stable(trained: Train) -> None:
    _, quantized, _, _ = trained("elementwise")
    found = [f"{o.path}.{o.name}" for o in plans(quantized.ir).observed]
    assert found[:6] == [
        "run.x.input",
        "up.output",
        "run.n.output",
        "norm.output",
        "run.a@1.output",
        "run.a@2.output",
    ]


def test_what_is_frozen_comes_back(trained: Train, tmp_path: Path) -> None:
    program, quantized, inputs, _ = trained("attention")
    save_frozen(quantized, tmp_path / "state")
    restored = restore_frozen(program, tmp_path / "state")
    with torch.no_grad():
        expected = quantized.eval().run(*inputs["run"])
        assert torch.equal(restored.run(*inputs["run"]), expected)


WRONG = [["integer"], ["integer", "magic"], ["paper", "table"], "integer", [1, 2], [[], []], 7]


@pytest.mark.parametrize("value", WRONG)
def test_another_arithmetic_is_refused(value: object, trained: Train) -> None:
    _, quantized, _, _ = trained("shaping")
    data = json.loads(model_to_json(quantized.ir))
    assert data["arithmetic"] == ["integer", "table"]
    with pytest.raises(Malformed):
        model_from_json(json.dumps({**data, "arithmetic": value}))
