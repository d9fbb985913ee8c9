"""Keeps which tiles are not worth trying on an architecture, as compiling them ahead of time says.

`python -m qdsl_gpu.refused sm_90` compiles the candidates of the variants that kernels list,
without a device, and writes `tuned/refused-sm_90.json`: those that spill registers or take more
shared memory than there is. It counts for that version of Triton and that source only.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from qdsl_gpu import dense
from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.layout import PLANE, Layout
from qdsl_gpu.measured_files import SHIPPED, triton_version
from qdsl_gpu.task import BUCKETS, STACKED, Task
from qdsl_gpu.tiles import Tiles, Way
from qdsl_gpu.tuner import Refuses, nothing_known

Kind = tuple[str, int, bool, int, bool, int, int, int, int]
"""Kernel, bits, whether it is compressed, planes, whether it has a table; tiles, uncut.

Of a dense kernel columns of a group stand for bits: 0 for the row, at most 128.
"""

Compile = Callable[[Kernel, Variant], str]
"""Why code is no good; empty where it is."""


def kind_of(task: Task, tiles: Tiles) -> Kind:
    layout = task.layout
    about = task.kernel, layout.bits, layout.sparse
    if tiles.way is not Way.WORDS:
        name = dense.KERNELS[task.kernel] if tiles.way is Way.DENSE else ""
        about = name, min(128, layout.span & -layout.span), False
    shape = tiles.tokens, tiles.rows, tiles.warps, tiles.stages
    return (*about, task.planes, task.has_table, *shape)


def kinds(name: str, kernel: Kernel) -> Iterator[tuple[Kind, Variant]]:
    """The candidates of a kernel that tiles divide, each as a change of a variant that it lists."""
    seen = set()
    for variant in kernel.variants:
        if not {"SPAN", "TOKENS", "BN"} <= variant.constants.keys():
            return
        task = _task(name, variant.constants)
        way = Way.WORDS if task.kernel == name else Way.DENSE
        for tiles in (t for tokens in BUCKETS for t in task.shapes(tokens) if t.way is way):
            if (kind := kind_of(task, tiles)) not in seen:
                seen.add(kind)
                yield kind, _changed(variant, tiles)


def _task(name: str, given: Mapping[str, Any]) -> Task:
    """What the constants of a variant are for."""
    of_dense = {unpacked: words for words, unpacked in dense.KERNELS.items()}
    bits, span, zero = given.get("BITS") or 4, given["SPAN"], given["ZERO"]
    if name in of_dense:
        table = given.get("PARTS", 1) > 1
        layout = Layout(bits, 8192, 8192, span)
        return Task(of_dense[name], layout, given.get("PLANES", 1), zero, table)
    layout = Layout(bits, 8192, 8192, span * PLANE, given.get("SPARSE", False))
    return Task(name, layout, given.get("PLANES", 1), zero, given.get("TABLE", False))


def _changed(variant: Variant, tiles: Tiles) -> Variant:
    changed: dict[str, object] = {"TOKENS": tiles.tokens, "BN": tiles.rows}
    if "STACKED" in variant.constants:
        changed["STACKED"] = tiles.tokens in STACKED
    constants = {**variant.constants, **changed}
    return replace(variant, constants=constants, warps=tiles.warps, stages=tiles.stages)


def found(kernels: Mapping[str, Kernel], compile: Compile, sources: Mapping[str, str]) -> str:
    """The text of a file."""
    rows = [
        {"way": way, "why": why}
        for name, kernel in kernels.items()
        for way, variant in kinds(name, kernel)
        if (why := compile(kernel, variant))
    ]
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    about = f'"triton": {json.dumps(triton_version())}, "sources": {json.dumps(dict(sources))}'
    return f'{{\n {about},\n "refused": [\n{lines}\n ]\n}}\n'


def refuses(architecture: str, sources: Mapping[str, str]) -> Refuses:
    """What is known of kernels whose sources are these; nothing without a file, or by another."""
    try:
        given = json.loads((SHIPPED / f"refused-{architecture}.json").read_text(encoding="utf-8"))
        known = {
            tuple(row["way"])
            for row in given["refused"]
            if given["sources"].get(row["way"][0]) == sources.get(row["way"][0])
        }
    except (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError):
        return nothing_known
    if given.get("triton") != triton_version():
        return nothing_known
    return lambda task, tiles: kind_of(task, tiles) in known


# ---- with Triton ---------------------------------------------------------------------------------


def sources_of(kernels: Mapping[str, Kernel]) -> dict[str, str]:
    """What tells a kernel's source, with what it calls, from another."""
    return {name: str(getattr(k.function, "cache_key", "")) for name, k in kernels.items()}


def on_this_device() -> Refuses:
    """What is known of the GPU at hand."""
    import torch

    from qdsl.registry import collect
    from qdsl_gpu import kernels

    major, minor = torch.cuda.get_device_capability()
    return refuses(f"sm_{major}{minor}", sources_of(collect(kernels, Kernel)))


def main(architecture: str) -> None:
    from qdsl.registry import collect
    from qdsl_gpu import kernels
    from qdsl_gpu.ahead import ARCHITECTURES, compiled

    target = ARCHITECTURES[architecture]

    def compile(kernel: Kernel, variant: Variant) -> str:
        try:
            code = compiled(kernel, variant, target)
        except Exception as failure:  # the compiler's, which has many
            return type(failure).__name__
        if code.shared > target.shared:
            return f"{code.shared} bytes of shared memory"
        return f"{code.spilled} instructions that spill" if code.spilled else ""

    every = collect(kernels, Kernel)
    path = SHIPPED / f"refused-{architecture}.json"
    path.write_text(found(every, compile, sources_of(every)), encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main(sys.argv[1])
