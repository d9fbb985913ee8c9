"""Builds the tree of containers that owns each parameter once, at its path."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from qdsl.diagnostic.model import Diagnostic, QdslError, error
from qdsl.ir.model import Model, Module, Role, Storage, state_key
from qdsl.source import Span

Make = Callable[[Storage], Tensor | nn.Parameter]


class Container(nn.Module):
    """A layer or a block of the model: parameters and members, no forward of its own."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def _get_name(self) -> str:
        return self.kind


def build_tree(model: Model, make: Make) -> Container:
    """Containers for all modules, and for each storage what `make` gives: parameter or buffer.

    Raises QdslError (Q504) for a name that every torch module has as an attribute.
    """
    root = _container(model.root)
    found = []
    for storage in model.storages:
        owner = root.get_submodule(state_key(storage.module_path))
        name, value = storage.parameter.name, make(storage)
        try:
            if isinstance(value, nn.Parameter):
                owner.register_parameter(name, value)
            else:
                owner.register_buffer(name, value)
        except KeyError:
            found.append(_taken(name, storage.place, "this name"))
    if found:
        raise QdslError(found)
    return root


def empty(storage: Storage) -> Tensor | nn.Parameter:
    """An uninitialised parameter f32; statistics are buffers."""
    value = torch.empty(storage.parameter.shape)
    if storage.parameter.role is Role.STATISTIC:
        return value
    return nn.Parameter(value, requires_grad=storage.trainable)


def _container(module: Module) -> Container:
    result = Container(module.kind)
    for name, member in module.members.items():
        child = (
            _container(member)
            if isinstance(member, Module)
            else nn.ModuleList(_container(m) for m in member)
        )
        try:
            result.add_module(name, child)
        except KeyError:
            place = module.places.get(name, module.span)
            raise QdslError([_taken(name, place, "its member")]) from None
    return result


def _taken(name: str, span: Span, label: str) -> Diagnostic:
    message = f"`{name}` is an attribute of torch modules"
    return error("Q504", message, span, label, help="give it another name")
