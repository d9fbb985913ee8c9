"""Compiles kernels without a device, and reads from the machine code what it needs."""

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Final

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from qdsl.registry import collect
from qdsl_gpu import kernels
from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.layout import Layout

_TOOLS = Path(triton.__file__).parent / "backends" / "nvidia" / "bin"
_INSTRUCTION = re.compile(r"\s+/\*[0-9a-f]+\*/\s+(?:@!?U?P\w+ )?([A-Z][A-Z0-9_.]*)")
_LABEL = re.compile(r"\s*(\.L_x_\d+):")
_JUMP = re.compile(r"\bBRA\b.*`\((\.L_x_\d+)\)")
_AMD_INSTRUCTION = re.compile(r"\t([a-z]\w*_\w+)")


@dataclass(frozen=True, slots=True)
class Architecture:
    """A family of devices.

    shared: bytes that a program may use; stages: how many steps are loaded ahead, at most; matrix:
    how its instructions begin, by what they multiply; others are not there, nor their variants.
    """

    target: GPUTarget
    shared: int
    stages: int
    matrix: Mapping[str, str]


_NARROW: Final = {"float, narrow": "HMMA", "int8, narrow": "IMMA"}
"""A Hopper's instruction for four warps is used from 16 tokens on."""

_BY_STEPS: Final = ("linear_float", "linear_int8", "linear_table")
"""Products whose loop is over the steps of a packed weight."""

ARCHITECTURES: Final[Mapping[str, Architecture]] = {
    "sm_80": Architecture(
        GPUTarget("cuda", 80, 32), 163 << 10, 4, _NARROW | {"float": "HMMA", "int8": "IMMA"}
    ),
    "sm_90": Architecture(
        GPUTarget("cuda", 90, 32), 227 << 10, 4, _NARROW | {"float": "HGMMA", "int8": "IGMMA"}
    ),
    "gfx942": Architecture(
        GPUTarget("hip", "gfx942", 64),
        64 << 10,
        2,
        {"float": "v_mfma_f32", "int8": "v_mfma_i32"},
    ),
}


@dataclass(frozen=True, slots=True)
class Code:
    """What a variant was compiled to: instructions by name, registers, bytes of shared memory.

    spilled: instructions that move registers to memory and back, or what the compiler says of them.
    loop: instructions of the longest loop, 0 where it is not known.
    """

    instructions: Mapping[str, int]
    registers: int
    spilled: int
    shared: int
    loop: int = 0

    @property
    def length(self) -> int:
        return sum(self.instructions.values())

    def uses(self, instruction: str) -> bool:
        """Whether there is one whose name begins so."""
        return any(name.startswith(instruction) for name in self.instructions)


def report(name: str, pattern: str = "*") -> dict[str, dict[str, float]]:
    """Of variants of kernels, `kernel/variant`, what each takes on that architecture.

    per_weight: instructions of the loop of a product, for each weight that a thread multiplies.
    """
    architecture = ARCHITECTURES[name]
    found: dict[str, dict[str, float]] = {}
    for kernel_name, kernel in collect(kernels, Kernel).items():
        for variant in kernel.variants:
            if variant.matrix and variant.matrix not in architecture.matrix:
                continue
            if not fnmatch(f"{kernel_name}/{variant.name}", pattern):
                continue
            code = compiled(kernel, variant, architecture)
            wanted = architecture.matrix.get(variant.matrix, "")
            found[f"{kernel_name}/{variant.name}"] = {
                "instructions": code.length,
                "registers": code.registers,
                "spilled": code.spilled,
                "shared": code.shared,
                "fits": code.shared <= architecture.shared,
                "matrix": code.uses(wanted),
            }
            if code.loop and kernel_name in _BY_STEPS:
                per_weight = round(code.loop / _weights(variant), 2)
                found[f"{kernel_name}/{variant.name}"]["per_weight"] = per_weight
    return found


def _weights(variant: Variant) -> float:
    """How many a thread multiplies in a step of a packed weight."""
    given: Mapping[str, Any] = variant.constants
    layout = Layout(given["BITS"], 64, 64, 0, sparse=given.get("SPARSE", False))
    return layout.step * int(given["BN"]) / (32 * variant.warps)


def compiled(kernel: Kernel, variant: Variant, architecture: Architecture) -> Code:
    """Compiles one variant, as it would be launched."""
    names = kernel.function.arg_names
    constants = variant.constants
    signature = {n: "constexpr" if n in constants else variant.types[n] for n in names}
    aligned = {
        (i,): [["tt.divisibility", 16]]
        for i, name in enumerate(names)
        if signature[name].startswith("*") or (name in variant.multiples and name not in constants)
    }
    source = ASTSource(kernel.function, signature, dict(constants), aligned)
    options = {
        "num_warps": variant.warps,
        "num_stages": min(variant.stages, architecture.stages),
        "enable_fp_fusion": False,
    }
    made = triton.compile(source, target=architecture.target, options=options)
    if architecture.target.backend == "cuda":
        return _nvidia(made)
    return _amd(made)


def _nvidia(made: Any) -> Code:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(made.asm["cubin"])
        file.flush()
        listing = _run("nvdisasm", "-c", file.name)
        usage = _run("cuobjdump", "-res-usage", file.name)
    found = Counter(m[1].partition(".")[0] for m in _INSTRUCTION.finditer(listing))
    registers = re.search(r"REG:(\d+)", usage)
    assert registers is not None, usage
    spilled = found["LDL"] + found["STL"]
    return Code(found, int(registers[1]), spilled, made.metadata.shared, _loop(listing))


def _loop(listing: str) -> int:
    """Instructions from the label that is jumped back to up to the jump, the most there are."""
    begins: dict[str, int] = {}
    count = longest = 0
    for line in listing.splitlines():
        if label := _LABEL.match(line):
            begins[label[1]] = count
        elif _INSTRUCTION.match(line):
            count += 1
            if jump := _JUMP.search(line):
                longest = max(longest, count - begins.get(jump[1], count))
    return longest


def _amd(made: Any) -> Code:
    text = made.asm["amdgcn"]
    found = Counter(_AMD_INSTRUCTION.findall(text))

    def number(name: str) -> int:
        return sum(int(n) for n in re.findall(rf"\.{name}:\s+(\d+)", text))

    spilled = number("vgpr_spill_count") + number("sgpr_spill_count")
    return Code(found, number("vgpr_count"), spilled, made.metadata.shared)


def _run(tool: str, *arguments: str) -> str:
    command = [str(_TOOLS / tool), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    print(json.dumps(report(*sys.argv[1:]), indent=1))
