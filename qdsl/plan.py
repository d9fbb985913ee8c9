"""Names the kernel of every layer before anything is built, and reports layers without one."""

from collections.abc import Callable, Iterator
from functools import cache, partial

from qdsl.diagnostic.model import Diagnostic, error
from qdsl.ir.model import Model, Storage
from qdsl.ir.need import Need, needs
from qdsl.source import no_span
from qdsl.target import Backend, Capability, activation_word, backends, find_kernel

DEFAULT_BACKEND = "cpu"


def kernels(model: Model) -> Callable[[Storage], str]:
    """Says the kernel of each storage of the model.

    `float` where the storage is a float tensor, `none` where no kernel serves it, `unused` where no
    entry reads it, `unavailable` where the kernels are not built on this machine.
    """
    backend = _backend()
    found = _found(model, backend) if backend else {}

    def kernel_of(storage: Storage) -> str:
        if storage.format.is_float:
            return "float"
        return found.get(storage.path, "unused") if backend else "unavailable"

    return kernel_of


def _found(model: Model, backend: Backend) -> dict[str, str]:
    """Kernels by storage, joined by `+` where several read it."""
    found: dict[str, str] = {}
    for need, kernel in _served(model, backend):
        names = [found[need.storage.path]] if need.storage.path in found else []
        names.append(kernel.kernel if kernel else "none")
        found[need.storage.path] = "+".join(dict.fromkeys(names))
    return found


def check_kernels(model: Model) -> Iterator[Diagnostic]:
    """An error for every quantized storage that no kernel serves; none where nothing is built."""
    if backend := _backend():
        yield from unserved(model, backend)


def unserved(model: Model, backend: Backend) -> list[Diagnostic]:
    """Q510 for each layer that no kernel of the back end serves."""
    served = _served(model, backend)
    return [_diagnostic(need, backend.name) for need, kernel in served if kernel is None]


def _served(model: Model, backend: Backend) -> Iterator[tuple[Need, Capability | None]]:
    """Each need of the model with the kernel that serves it."""
    # layers are many, what they need is of few kinds
    find = cache(partial(find_kernel, backend))
    for need in needs(model):
        yield need, find(need.operation, need.storage.format, need.activations)


def _diagnostic(need: Need, backend: str) -> Diagnostic:
    word, span = activation_word(need.activations), need.storage.assigned.span
    what = f"{need.operation} of {need.storage.format} with {word} activations"
    message = f"back end `{backend}` has no kernel for `{need.path}`: {what}"
    help = f"give `{need.path}` another weight format, or f32 activations"
    # a packed file does not know the text it came from
    return error("Q510", message, None if span == no_span() else span, help=help)


def _backend() -> Backend | None:
    """The back end that plans are made for, None where its kernels are not built."""
    backend = backends().get(DEFAULT_BACKEND)
    return backend if backend and backend.availability().available else None
