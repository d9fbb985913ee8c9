"""Says which kernels this processor runs, and what it lacks for the others."""

from contextlib import suppress
from pathlib import Path

from qdsl.target import Availability, Survey

_AVX512 = ("avx2", "fma", "f16c", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni")
NEEDS = {
    "scalar": (),
    "avx2": ("avx2", "fma", "f16c"),
    "avxvnni": ("avx2", "fma", "f16c", "avx_vnni"),
    "avx512vnni": _AVX512,
    "avx512vbmi": (*_AVX512, "avx512vbmi"),
    "avx512bf16": (*_AVX512, "avx512vbmi", "avx512_bf16"),
    "neon": ("asimd",),
    "neondot": ("asimd", "asimddp"),
    "neoni8mm": ("asimd", "asimddp", "i8mm"),
}
"""Instruction sets, ascending within an architecture, with what each needs (Linux's words)."""


def survey() -> Survey:
    """Every instruction set and every kernel that was built."""
    from qdsl_cpu import _native

    runs, chosen = _native.isas(), _native.isa()
    built = {name: name.rpartition("_")[2] for name in _native.kernels()}
    sets = {isa: _availability(isa, runs, chosen) for isa in NEEDS if isa in built.values()}
    return Survey(chosen, sets, {name: sets[isa] for name, isa in built.items()})


def _availability(isa: str, runs: list[str], chosen: str) -> Availability:
    if isa not in runs:
        flags = processor_flags()
        lacking = [f"`{flag}`" for flag in NEEDS[isa] if flags and flag not in flags]
        what = " and ".join(lacking) or f"what `{isa}` needs"
        return Availability(False, f"this processor lacks {what}")
    order = list(NEEDS)
    if order.index(isa) > order.index(chosen):
        return Availability(False, f"QDSL_ISA asks for `{chosen}`")
    return Availability(True)


def processor_flags() -> frozenset[str]:
    """What Linux says that the processor has; empty elsewhere."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith(("flags", "Features")):  # x86, ARM
                return frozenset(line.partition(":")[2].split())
    return frozenset()
