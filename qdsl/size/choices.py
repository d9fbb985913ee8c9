"""Settles the formats that `any(…)` leaves open: to the least, to the most, or as a lock says."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from qdsl.artifact.layout import storage_bytes
from qdsl.ir.format import WeightFormat
from qdsl.ir.model import Assigned, Model, Storage

Choose = Callable[[Storage], WeightFormat]
Serves = Callable[[WeightFormat], bool]


def open_storages(model: Model) -> tuple[Storage, ...]:
    """The storages whose format is not chosen, in the order of the model."""
    return tuple(s for s in model.storages if s.choices)


def settled(model: Model, choose: Choose) -> Model:
    """The model with each open storage in the format chosen for it."""
    storages = (
        replace(s, assigned=Assigned(choose(s), s.assigned.span)) if s.choices else s
        for s in model.storages
    )
    return replace(model, storages=tuple(storages))


def smallest(serves: Serves) -> Choose:
    """Chooses the format of fewest bytes that is served, the first of equals."""
    return lambda s: min(offered(s, serves), key=lambda f: format_bytes(s, f))


def largest(serves: Serves) -> Choose:
    """Chooses the format of most bytes that is served, the first of equals."""
    return lambda s: max(offered(s, serves), key=lambda f: format_bytes(s, f))


def offered(storage: Storage, serves: Serves) -> tuple[WeightFormat, ...]:
    """The choices that are served; where none is, all of them, which is then reported."""
    return tuple(f for f in storage.choices if serves(f)) or storage.choices


def format_bytes(storage: Storage, format: WeightFormat) -> int:
    """Bytes of the storage in that format."""
    return sum(storage_bytes(replace(storage, assigned=Assigned(format))).values())


def from_texts(choices: Mapping[str, str]) -> Choose:
    """The choice that a lock gives: storage path → format text; raises KeyError for another."""

    def choose(storage: Storage) -> WeightFormat:
        known = {str(f): f for f in storage.choices}
        return known[choices[storage.path]]

    return choose


def texts(storages: Iterable[Storage], choose: Choose) -> dict[str, str]:
    """What a lock says: storage path → format text."""
    return {s.path: str(choose(s)) for s in storages}
