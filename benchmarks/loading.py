"""Times the loading of packed files by a fresh process, and what memory it takes.

A file of linear layers is written from random codes and loaded for the processor's kernels. `read`
maps it and checks every digest and code, `repack` makes what the kernels read; a rate is bytes of
the file, or packed bytes written, a second. `held` and `peak` are the memory that the process has
afterwards and at the most beyond that of the modules it imports, for each byte of the file.
"""

import gc
import json
import re
import subprocess
import sys
import time
from argparse import ArgumentParser
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from machine import keep
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from qdsl.spec import Variant

FORMATS = {
    "int8": "int8",
    "int4": "int4(group = 128, scale = f16)",
    "int4 2:4": "int4(group = 128, scale = f16) sparse 2:4",
    "int2": "int2(group = 128, scale = f16)",
    "ternary": 'ternary(group = 128, scale = f16, pack = "base3")',
    "binary": "binary(group = 128, scale = f16)",
}
SPEC = """qspec 1
block Stack(d: int, layers: int) {{
    maps = repeat layers {{ Linear(d, d, bias = false) }}
    forward(x: f32[B, d]) -> f32[B, d] {{ return maps(x) }}
}}
model Weights() {{
    stack = Stack({width}, {layers})
    entry forward(x: f32[B, {width}]) {{ return stack(x) }}
}}
policy packed for Weights {{
    default {{ weights = f32 }}
    **:Linear {{ weights = {format}; activations = int8(dynamic, per = token) }}
}}
variant it {{ model = Weights(); policy = packed }}
"""


@dataclass(frozen=True, slots=True)
class Row:
    """Seconds and bytes of one file; memory for each byte of it."""

    format: str
    file_bytes: int
    packed_bytes: int
    read_seconds: float
    repack_seconds: float
    held: float
    peak: float

    @property
    def cells(self) -> tuple[str, ...]:
        load = self.read_seconds + self.repack_seconds
        rates = (
            self.file_bytes / self.read_seconds,
            self.packed_bytes / self.repack_seconds,
            self.file_bytes / load,
        )
        return (
            self.format,
            f"{self.file_bytes / 1e6:.0f}",
            f"{load:.2f}",
            *(f"{rate / 1e9:.2f}" for rate in rates),
            f"{self.held:.3f}",
            f"{self.peak:.3f}",
        )


HEADINGS = ("weights", "MB", "s", "read GB/s", "repack GB/s", "load GB/s", "held", "peak")


# ---- writing -----------------------------------------------------------------------------------


def variant(format: str, width: int, layers: int, folder: Path) -> "Variant":
    from qdsl import load_spec

    spec = folder / "weights.qspec"
    spec.write_text(SPEC.format(format=FORMATS[format], width=width, layers=layers))
    return load_spec(spec).variants["it"]


def write(path: Path, format: str, width: int, bytes: int) -> int:
    """A file of about so many bytes whose layers are all alike, as random weights are packed."""
    from qdsl.artifact import container

    one = path.with_suffix(".one")
    size = variant(format, width, 1, path.parent).program(seed=0).to_qat().pack(one)
    layer = container.read(one)
    model = variant(format, width, max(1, round(bytes / size)), path.parent).model
    return container.write(path, model, lambda key: layer.tensor(re.sub(r"\d+", "0", key)))


# ---- loading, in a process of its own ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of this process: pages that it shares by their share, all pages, most pages ever."""

    shared: int
    resident: int
    most: int


def memory() -> Memory:
    rollup = Path("/proc/self/smaps_rollup").read_text()
    status = Path("/proc/self/status").read_text()
    found = (
        re.findall(r"^Pss: *(\d+)", rollup, re.MULTILINE),
        re.findall(r"^Rss: *(\d+)", rollup, re.MULTILINE),
        re.findall(r"^VmHWM:\s*(\d+)", status, re.MULTILINE),
    )
    return Memory(*(int(kilobytes) << 10 for (kilobytes,) in found))


def load(path: Path, format: str) -> Row:
    """Loads the file into this process, which has loaded nothing before."""
    import torch

    from qdsl.artifact import container
    from qdsl.fx import packed
    from qdsl.fx.ops import backend

    backend("cpu")
    gc.collect()
    before = memory()
    Path("/proc/self/clear_refs").write_text("5")  # the most is counted from here on
    begin = time.perf_counter()
    artifact = container.read(path)
    middle = time.perf_counter()
    program = packed.program_of(artifact, "cpu")
    end = time.perf_counter()
    size = artifact.file_bytes
    del artifact
    gc.collect()
    after = memory()
    buffers = (b for b in program.buffers() if b.dtype == torch.uint8)
    return Row(
        format,
        size,
        sum(b.numel() for b in buffers),
        middle - begin,
        end - middle,
        (after.shared - before.shared) / size,
        (after.most - before.resident) / size,
    )


# ---- the table ---------------------------------------------------------------------------------


def measured(format: str, width: int, bytes: int, rounds: int, folder: Path) -> Row:
    """The median by time of so many processes."""
    path = folder / "weights.qpack"
    write(path, format, width, bytes)
    command = [sys.executable, __file__, "--load", str(path), "--formats", format]
    rows = []
    for _ in range(rounds):
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append(Row(**json.loads(done.stdout)))
    return sorted(rows, key=lambda r: r.read_seconds + r.repack_seconds)[rounds // 2]


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--formats", nargs="+", default=list(FORMATS), choices=list(FORMATS))
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--width", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--load", type=Path, help="a file that is loaded by this process")
    options = parser.parse_args()
    if options.load:
        print(json.dumps(asdict(load(options.load, *options.formats))))
        return
    table = Table(*HEADINGS, box=SIMPLE)
    rows = []
    with TemporaryDirectory() as folder:
        for format in options.formats:
            size = options.megabytes * 1_000_000
            rows.append(measured(format, options.width, size, options.rounds, Path(folder)))
            table.add_row(*rows[-1].cells)
    Console().print(table)
    keep("loading", {"width": options.width, "rows": [asdict(row) for row in rows]})


if __name__ == "__main__":
    main()
