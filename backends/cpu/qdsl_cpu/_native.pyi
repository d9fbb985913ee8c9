"""Types of the compiled module: tensors as addresses, 0 for one that is absent."""

from typing import TypeAlias

# outputs, in_features, group, kind, bits, signed, half, zero, kept, period
Description: TypeAlias = tuple[int, int, int, int, int, bool, bool, int, int, int]
Table: TypeAlias = tuple[int, int]  # address, elements

def isa() -> str: ...
def isas() -> list[str]: ...
def kernels() -> list[str]: ...
def limits_bandwidth(bytes: int, threads: int) -> float: ...
def limits_peaks() -> list[tuple[str, str]]: ...
def limits_rate(kind: tuple[str, str], threads: int) -> float: ...
def limits_fork_join(threads: int) -> float: ...
def packed_bytes(description: Description) -> int: ...
def repack(description: Description, tables: list[Table], out: int, size: int) -> None: ...
def linear(
    x: int,
    examples: int,
    rows: int,
    in_features: int,
    weight: int,
    size: int,
    bias: int,
    y: int,
    outputs: int,
    activations: int,
    isa: str | None = None,
    threads: int = 0,
) -> None: ...
def lstm(
    gates: int,
    time: int,
    batch: int,
    hidden: int,
    h: int,
    c: int,
    state: int,
    recurrent: int,
    recurrent_size: int,
    projection: int,
    projection_size: int,
    outputs: int,
    activations: int,
    isa: str | None = None,
    threads: int = 0,
) -> None: ...
def embedding(ids: int, count: int, weight: int, size: int, in_features: int, out: int) -> None: ...
def dequantize(weight: int, size: int, outputs: int, in_features: int, out: int) -> None: ...
