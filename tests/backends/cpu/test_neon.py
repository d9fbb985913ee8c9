"""Holds the ARM kernels, in an emulator, to results that the scalar ones of x86 have stored."""

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
VECTORS = Path(__file__).parent / "vectors"
FILES = sorted(VECTORS.glob("*.vectors"))

TOOLS = ("aarch64-linux-gnu-g++", "qemu-aarch64", "cmake", "make")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
emulated = pytest.mark.skipif(
    bool(MISSING),
    reason=f"{', '.join(MISSING)} missing (Debian: g++-aarch64-linux-gnu qemu-user cmake make)",
)

PROCESSORS = {  # what qemu calls them: the instruction sets that they run
    "cortex-a72": "scalar neon",
    "neoverse-n1": "scalar neon neondot",
    "max": "scalar neon neondot neoni8mm",
}


def test_the_vectors_are_what_the_scalar_kernels_compute(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, VECTORS / "generate.py", tmp_path],
        env={**os.environ, "QDSL_ISA": "scalar"},
        check=True,
    )
    assert [path.name for path in sorted(tmp_path.iterdir())] == [path.name for path in FILES]
    for path in FILES:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_vectors_stay_small() -> None:
    assert sum(path.stat().st_size for path in FILES) < 300_000


CROSS = (
    "-DQDSL_VECTORS=ON",
    "-DCMAKE_SYSTEM_NAME=Linux",
    "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
    "-DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++",
    *(("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache",) if shutil.which("ccache") else ()),
)


@pytest.fixture(scope="module")
def program(request: pytest.FixtureRequest) -> Path:
    """backends/cpu/tests/vectors.cc and all kernels for aarch64, built anew where they changed."""
    folder = request.config.cache.mkdir("aarch64")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # workers of pytest-xdist build it once
        for command in (
            ["cmake", "-S", ROOT / "backends/cpu", "-B", folder, *CROSS],
            ["cmake", "--build", folder, "--parallel", "2"],
        ):
            made = subprocess.run(command, capture_output=True, text=True, check=False)
            assert made.returncode == 0, made.stdout + made.stderr
    return folder / "vectors"


def run(program: Path, processor: str, *files: Path, isa: str = "") -> tuple[int, list[str]]:
    """The exit status and the lines that were printed."""
    ran = subprocess.run(
        ["qemu-aarch64", "-cpu", processor, program, *files],
        env={**os.environ, "QDSL_ISA": isa, "OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not ran.stderr
    return ran.returncode, ran.stdout.splitlines()


@emulated
@pytest.mark.parametrize("processor", PROCESSORS)
def test_every_instruction_set_computes_the_vectors(program: Path, processor: str) -> None:
    status, (runs, *differences, total) = run(program, processor, *FILES)
    isas = PROCESSORS[processor]
    assert runs == f"runs {isas}, by default {isas.split()[-1]}"
    assert differences == []
    assert total.endswith(" comparisons, 0 failures")
    assert int(total.split()[0]) > 500 * len(isas.split())
    assert status == 0


@emulated
def test_the_environment_chooses_among_what_the_processor_runs(program: Path) -> None:
    assert run(program, "max", isa="neon") == (
        0,
        ["runs scalar neon neondot neoni8mm, by default neon", "0 comparisons, 0 failures"],
    )
    status, (*_, error) = run(program, "cortex-a72", isa="neondot")
    assert (status, error) == (2, "this processor does not run neondot")


@emulated
@pytest.mark.parametrize(
    ("file", "array"),
    [
        ("linear", "int8_token"),
        ("lstm", "last_c"),
        ("gru", "last_h"),
        ("embedding", "dense"),
        ("integer", "y"),
        ("matmul", "out"),
    ],
)
def test_a_difference_of_one_bit_is_found(
    program: Path, file: str, array: str, tmp_path: Path
) -> None:
    data = bytearray((VECTORS / f"{file}.vectors").read_bytes())
    label = bytes([len(array)]) + array.encode()
    header = data.index(label) + len(label)  # a type, the number of dimensions, the dimensions
    data[header + 2 + 4 * data[header + 1]] ^= 1
    changed = tmp_path / file
    changed.write_bytes(data)
    status, (_, first, *_) = run(program, "max", changed)
    assert status == 1
    assert ": [0] is " in first
