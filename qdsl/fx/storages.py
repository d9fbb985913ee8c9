"""Looks up the storages of a model by path, through ties and folds."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from qdsl.ir.flat import FlatNode
from qdsl.ir.model import Model, Storage, join, state_key
from qdsl.ir.op import Conv, Linear


@dataclass(frozen=True)
class Storages:
    """The storages of one model; a folded layer has a bias although its node names none."""

    model: Model

    @cached_property
    def owned(self) -> Mapping[str, Storage]:
        return {s.path: s for s in self.model.storages}

    @cached_property
    def folded(self) -> frozenset[str]:
        """Paths of norms that are no more."""
        return frozenset(f.norm for f in self.model.folds)

    @cached_property
    def _folded_into(self) -> frozenset[str]:
        return frozenset(f.into for f in self.model.folds)

    def owner(self, path: str) -> str:
        return self.model.ties.get(path, path)

    def has(self, path: str) -> bool:
        return self.owner(path) in self.owned

    def of(self, path: str) -> Storage:
        return self.owned[self.owner(path)]

    def key(self, path: str) -> str:
        """Where the program has the parameter."""
        return state_key(self.owner(path))

    def parameters(self, flat: FlatNode) -> tuple[str, ...]:
        """Paths of the parameters that the operation reads."""
        node = flat.node
        layer = isinstance(node.op, Linear | Conv) and len(node.parameters) == 1
        if layer and flat.path in self._folded_into:
            return (*node.parameters, join(flat.path, "bias"))
        return node.parameters
