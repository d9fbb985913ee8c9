"""Counts the bytes of each storage, as the layout places them."""

from collections.abc import Callable, Iterable
from dataclasses import field
from functools import lru_cache

from qdsl.artifact.layout import TABLE_BYTES, Part, storage_bytes
from qdsl.ir.integer import Table, tables
from qdsl.ir.model import Model, Module, Parameter, Role, Storage, join
from qdsl.ir.ranges import Range, ranges
from qdsl.record import record

TIED = "tied"
RANGE = "range"
TABLE = "table"


@record
class Row:
    """A storage, a name tied to one (kind `tied`, no parameters, no bytes), a range or a table.

    `payload_bytes` are the codes, or a float's values; `scale_bytes` are scales and a codebook;
    `storage` is the one that is stored.
    """

    path: str
    kind: str
    shape: tuple[int, ...]
    params: int
    format: str
    kernel: str
    payload_bytes: int
    scale_bytes: int
    zero_point_bytes: int
    index_bytes: int
    storage: Storage = field(compare=False, repr=False)

    @property
    def total_bytes(self) -> int:
        return self.payload_bytes + self.scale_bytes + self.zero_point_bytes + self.index_bytes

    @property
    def is_float(self) -> bool:
        return self.storage.format.is_float and self.kind != TABLE


def rows(model: Model, kernel_of: Callable[[Storage], str]) -> tuple[Row, ...]:
    """One row per storage and per tied name, in the order of the module tree; then the ranges."""
    stored = {s.path: s for s in model.storages}
    tree = _parameters(model.root)
    added = _added(model, tree)
    facts = _Facts()
    found = []
    for path, parameter in tree:
        if path in stored:
            found.append(_row(stored[path], kernel_of, facts))
        elif path in model.ties:
            found.append(_alias(path, parameter, stored[model.ties[path]]))
        if (bias := added.get(path)) is not None:
            found.append(_row(bias, kernel_of, facts))
    found += map(_range, ranges(model))
    found += map(_table, tables(model))
    return tuple(found)


def parameters(model: Model) -> int:
    """Parameters of a model, tied ones once."""
    return sum(s.parameter.numel for s in model.storages)


@lru_cache(maxsize=2)
def _parameters(root: Module) -> tuple[tuple[str, Parameter], ...]:
    return tuple((join(base, p.name), p) for base, m in root.walk() for p in m.parameters)


def _added(model: Model, tree: Iterable[tuple[str, Parameter]]) -> dict[str, Storage]:
    """Biases that only folding brought, by the last parameter of their layer."""
    known = dict(tree)
    last = {path.rpartition(".")[0]: path for path in known}
    return {last[s.module_path]: s for s in model.storages if s.path not in known}


class _Facts:
    """Format texts and bytes of storages: layers are many, kinds of them few.

    What is alike is mostly one value, so it is known by identity, which costs no hash.
    """

    def __init__(self) -> None:
        self.known: dict[tuple[int, int], _Fact] = {}

    def of(self, storage: Storage) -> "_Fact":
        """Shape and parameters, the format's text, and bytes: payload, scale, zero point, index."""
        key = id(storage.assigned.format), id(storage.parameter)
        if (found := self.known.get(key)) is None:
            found = self.known[key] = _fact(storage)
        return found


_Fact = tuple[tuple[int, ...], int, str, int, int, int, int]


def _fact(storage: Storage) -> _Fact:
    size = storage_bytes(storage)
    return (
        storage.parameter.shape,
        storage.parameter.numel,
        str(storage.format),
        size.get(Part.FLOAT, 0) + size.get(Part.CODES, 0),
        size.get(Part.SCALES, 0) + size.get(Part.CODEBOOK, 0),
        size.get(Part.ZEROS, 0),
        size.get(Part.INDEX, 0),
    )


def _row(storage: Storage, kernel_of: Callable[[Storage], str], facts: _Facts) -> Row:
    shape, params, format, payload, scale, zero, index = facts.of(storage)
    return Row(
        path=storage.path,
        kind=storage.kind,
        shape=shape,
        params=params,
        format=format,
        kernel=kernel_of(storage),
        payload_bytes=payload,
        scale_bytes=scale,
        zero_point_bytes=zero,
        index_bytes=index,
        storage=storage,
    )


def _range(range: Range) -> Row:
    scale, zero = range.format.range_bytes
    path = join(range.path, range.name)
    return Row(
        path=path,
        kind=RANGE,
        shape=(),
        params=0,
        format=str(range.format),
        kernel="",
        payload_bytes=0,
        scale_bytes=scale,
        zero_point_bytes=zero,
        index_bytes=0,
        storage=Storage(path, RANGE, Parameter(range.name, (), Role.STATISTIC)),
    )


def _table(table: Table) -> Row:
    return Row(
        path=join(table.path, table.name),
        kind=TABLE,
        shape=(TABLE_BYTES,),
        params=0,
        format="int8",
        kernel="",
        payload_bytes=TABLE_BYTES,
        scale_bytes=0,
        zero_point_bytes=0,
        index_bytes=0,
        storage=Storage(
            join(table.path, table.name), TABLE, Parameter(table.name, (), Role.STATISTIC)
        ),
    )


def _alias(path: str, parameter: Parameter, owner: Storage) -> Row:
    return Row(
        path=path,
        kind=TIED,
        shape=parameter.shape,
        params=0,
        format=str(owner.format),
        kernel="",
        payload_bytes=0,
        scale_bytes=0,
        zero_point_bytes=0,
        index_bytes=0,
        storage=owner,
    )
