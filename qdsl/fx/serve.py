"""Finds what a back end cannot run of a model, before anything is loaded."""

from qdsl.diagnostic.model import Diagnostic, error
from qdsl.ir.model import Model
from qdsl.ir.need import Need, needs
from qdsl.target import Backend, activation_word, find_kernel


def unserved(model: Model, backend: Backend) -> list[Diagnostic]:
    """Q510 for each layer that no kernel serves."""
    found = []
    for need in needs(model):
        storage = need.storage
        if find_kernel(backend, need.operation, storage.format, need.activations) is None:
            found.append(_diagnostic(need, backend.name))
    return found


def _diagnostic(need: Need, backend: str) -> Diagnostic:
    word = activation_word(need.activations)
    what = f"{need.operation} of `{need.storage.format}` with activations {word}"
    return error(
        "Q510",
        f"`{need.path}`: back end `{backend}` has no kernel for {what}",
        need.storage.assigned.span,
        "this format",
        help="give the layer a format of `qdsl list formats` that the back end serves",
    )
