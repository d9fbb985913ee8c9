"""Devices: where packed programs are put, and that what graphs make is where their inputs are."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils import backend_registration

import qdsl
from qdsl.bench.packed import pack_untrained

SPEC = Path(__file__).parents[2] / "specs" / "resnet.qspec"


@pytest.mark.skipif(
    not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"),
    reason="this torch has no devices in Python",
)
def test_nothing_is_made_on_another_device() -> None:
    script = Path(__file__).parent / "elsewhere.py"
    made = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert made.stdout.endswith("all on one device\n")


def test_a_program_is_where_it_is_asked_to_be(tmp_path: Path) -> None:
    pack_untrained(qdsl.load_spec(SPEC).variants["int8"], tmp_path / "m.qpack")
    program = qdsl.load(tmp_path / "m.qpack", "reference", device="meta")
    assert program.device.type == "meta"
    assert {b.device.type for b in program.buffers()} == {"meta"}
    assert qdsl.load(tmp_path / "m.qpack", "reference").device == torch.device("cpu")
