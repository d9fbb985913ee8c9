"""Reads and writes what tuning found: a file of JSON for each GPU and version of Triton."""

import json
import os
import re
import warnings
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from qdsl.replacing import replacing
from qdsl_gpu.layout import Layout
from qdsl_gpu.measured import Measured
from qdsl_gpu.task import BUCKETS, Task
from qdsl_gpu.tiles import Tiles, Way

FORMAT: Final = 1
SHIPPED: Final = Path(__file__).parent / "tuned"
_BITS = (1, 2, 3, 4, 8)
_MOST = 1 << 31


class IgnoredTable(UserWarning):
    """A file of tuning that is not read, and why."""


def triton_version() -> str:
    try:
        return version("triton")
    except PackageNotFoundError:
        return "none"


def own_folder() -> Path:
    """Where a user's tuning is kept: QDSL_TUNED, else a folder of the user's caches."""
    if named := os.environ.get("QDSL_TUNED"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "qdsl" / "tuned"


def file_name(gpu: str, triton: str) -> str:
    """`nvidia_h200-triton_3.6.0.json`."""
    return re.sub(r"[^a-z0-9.-]+", "_", f"{gpu}-triton {triton}".lower()) + ".json"


def read_all(gpu: str, triton: str) -> tuple[Measured, ...]:
    """Rows that the package brings, and behind them the user's own, which count more."""
    name = file_name(gpu, triton)
    return tuple(r for f in (SHIPPED, own_folder()) for r in read(f / name, gpu, triton))


def read(path: Path, gpu: str, triton: str) -> tuple[Measured, ...]:
    """The rows of a file; none, with a warning, where it is damaged or of something else."""
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as failure:
        return _ignored(path, failure.strerror or type(failure).__name__)
    try:
        given = json.loads(text)
        about = (given["format"], given["gpu"], given["triton"])
        if about != (FORMAT, gpu, triton):
            return _ignored(path, f"it is of {about[1]}, Triton {about[2]}, format {about[0]}")
        return tuple(_row(row) for row in given["rows"])
    except (ValueError, TypeError, KeyError, RecursionError) as failure:
        return _ignored(path, f"it is damaged: {type(failure).__name__}: {failure}")


def _ignored(path: Path, reason: str) -> tuple[Measured, ...]:
    message = f"{path} is not used, and kernels are divided by rule: {reason}; tune again"
    warnings.warn(message, IgnoredTable, stacklevel=2)
    return ()


def write(folder: Path, gpu: str, triton: str, rows: Iterable[Measured]) -> Path:
    """Adds rows to the file of that folder, whole or not at all; raises OSError."""
    path = folder / file_name(gpu, triton)
    kept = {(r.task, r.tokens): r for r in (*read(path, gpu, triton), *rows)}
    lines = ",\n".join(f"  {json.dumps(_json(row))}" for row in kept.values())
    about = f'"format": {FORMAT}, "gpu": {json.dumps(gpu)}, "triton": {json.dumps(triton)}'
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(f'{{\n {about},\n "rows": [\n{lines}\n ]\n}}\n'.encode())
    return path


# ---- rows --------------------------------------------------------------------------------------


def _json(row: Measured) -> dict[str, Any]:
    task, layout, tiles = row.task, row.task.layout, row.tiles
    return {
        "kernel": task.kernel,
        **{"bits": layout.bits, "outputs": layout.outputs, "inputs": layout.in_features},
        **{"group": layout.group, "planes": task.planes, "zero": task.zero},
        **{"table": int(task.has_table), "sparse": int(layout.sparse), "M": row.tokens},
        "tiles": [tiles.tokens, tiles.rows, tiles.splits, tiles.warps, tiles.stages],
        "way": tiles.way.value,
        **{"us": row.us, "usual_us": row.usual_us},
    }


def _row(given: dict[str, Any]) -> Measured:
    """Raises ValueError, KeyError or TypeError for what no tuner wrote."""
    layout = Layout(
        _number(given["bits"], _BITS),
        _number(given["outputs"], range(1, _MOST)),
        _number(given["inputs"], range(1, _MOST)),
        _number(given["group"], range(_MOST)),
        bool(_number(given.get("sparse", 0), (0, 1))),
    )
    planes, zero = _number(given["planes"], (1, 3)), _number(given["zero"], range(3))
    task = Task(str(given["kernel"]), layout, planes, zero, bool(_number(given["table"], (0, 1))))
    tokens, rows, splits, warps, stages = given["tiles"]
    tiles = Tiles(
        _number(tokens, (2, 4, 8, 16, 32, 64, 128, 256)),
        _number(rows, (16, 32, 64, 128, 256)),
        _number(splits, range(1, 257)),
        _number(warps, (1, 2, 4, 8, 16)),
        _number(stages, range(1, 9)),
        Way(given["way"]),
    )
    times = float(given["us"]), float(given["usual_us"])
    return Measured(task, _number(given["M"], BUCKETS), tiles, *times)


def _number(value: object, among: Iterable[int]) -> int:
    if type(value) is not int or value not in among:
        raise ValueError(f"{value!r} is none of what it may be")
    return value
