"""Runs the kernels under sanitizers, AVX-VNNI in an encoding that this processor may have."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "backends/cpu"
FILES = sorted((Path(__file__).parent / "vectors").glob("*.vectors"))
MISSING = [tool for tool in ("c++", "cmake", "make") if shutil.which(tool) is None]


def lacks_sanitizers() -> str:
    """Why none can run, or nothing."""
    if MISSING:
        return f"{', '.join(MISSING)} missing"
    if os.uname().machine != "x86_64":
        return "the instruction sets are those of x86"
    made = subprocess.run(
        ["c++", "-fsanitize=address,undefined", "-x", "c++", "-", "-o", "/dev/null"],
        input="int main() {}",
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if made.returncode == 0 else "the compiler has no sanitizers"


@pytest.fixture(scope="module")
def program(request: pytest.FixtureRequest) -> Path:
    """backends/cpu/tests/vectors.cc and all kernels, built anew where they changed."""
    if reason := lacks_sanitizers():
        pytest.skip(reason)
    folder = request.config.cache.mkdir("sanitizers")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # workers of pytest-xdist build it once
        for command in (
            ["cmake", "-S", SOURCES, "-B", folder, "-DQDSL_SANITIZE=ON"],
            ["cmake", "--build", folder, "--parallel", "2"],
        ):
            made = subprocess.run(command, capture_output=True, text=True, check=False)
            assert made.returncode == 0, made.stdout + made.stderr
    return folder / "vectors"


def run(program: Path, *arguments: str | Path) -> list[str]:
    ran = subprocess.run(
        [program, *arguments],
        env={**os.environ, "QDSL_ISA": "", "ASAN_OPTIONS": "detect_leaks=0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-2000:] + ran.stderr[:4000]
    return ran.stdout.splitlines()


def test_random_weights_on_every_instruction_set(program: Path) -> None:
    runs, total = run(program, "--grid")
    assert total.endswith(" comparisons, 0 failures")
    assert int(total.split()[0]) > 2000 * (runs.count("avx"))


def test_stored_results(program: Path) -> None:
    _, total = run(program, *FILES)
    assert total.endswith(" comparisons, 0 failures")


@pytest.mark.skipif(shutil.which("objdump") is None, reason="objdump missing (Debian: binutils)")
def test_products_of_avx_vnni_need_no_avx_512(tmp_path: Path) -> None:
    if MISSING or os.uname().machine != "x86_64":
        pytest.skip("no compiler for x86")
    made = tmp_path / "kernel.o"
    source = SOURCES / "src/kernels/linear_int8_avxvnni.cc"
    flags = ("-std=c++20", "-O1", "-mavx2", "-mfma", "-mf16c", "-mavxvnni")
    subprocess.run(["c++", *flags, "-I", SOURCES / "src", "-c", source, "-o", made], check=True)
    listing = subprocess.run(
        ["objdump", "-d", made], capture_output=True, text=True, check=True
    ).stdout
    products = [line.split("\t")[1] for line in listing.splitlines() if "vpdpbusd" in line]
    assert len(products) > 100
    assert all(code.split()[0] == "c4" for code in products)  # VEX; EVEX begins with 62
    assert "zmm" not in listing
