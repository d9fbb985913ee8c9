"""Names the kernel of every layer before anything is built, and reports layers without one."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING

from qdsl.diagnostic.model import Diagnostic, error
from qdsl.ir.integer_check import integer_findings
from qdsl.ir.model import Arithmetic, Model, Storage
from qdsl.ir.need import Need, needs
from qdsl.source import no_span
from qdsl.target import (
    CODES,
    INTEGER,
    REFERENCE,
    Backend,
    Capability,
    activation_word,
    backends,
    find_kernel,
    input_word,
)

if TYPE_CHECKING:
    from qdsl.devices import Profile

DEFAULT_BACKEND = "cpu"

_OR_SLOWLY = "`target = reference` (`--backend reference` of a packed file), slowly"


def kernels(model: Model, target: "Profile | None" = None) -> Callable[[Storage], str]:
    """Says the kernel of each storage of the model on the target's back end.

    `float` where the storage is a float tensor, `none` where no kernel serves it, `unused` where no
    entry reads it, `unavailable` where the kernels are not built on this machine, `reference` where
    the target asks for none.
    """
    backend = _backend(target)
    found = _found(model, backend) if backend else {}
    absent = REFERENCE if target and target.backend == REFERENCE else "unavailable"

    def kernel_of(storage: Storage) -> str:
        if storage.format.is_float:
            return "float"
        return found.get(storage.path, "unused") if backend else absent

    return kernel_of


def _found(model: Model, backend: Backend) -> dict[str, str]:
    """Kernels by storage, joined by `+` where several read it."""
    found: dict[str, str] = {}
    for need, kernel in _served(model, backend):
        names = [found[need.storage.path]] if need.storage.path in found else []
        names.append(kernel.kernel if kernel else "none")
        found[need.storage.path] = "+".join(dict.fromkeys(names))
    return found


def check_kernels(model: Model, target: "Profile | None" = None) -> Iterator[Diagnostic]:
    """An error for every quantized storage that no kernel serves; none where nothing is built."""
    if backend := _backend(target):
        yield from unserved(model, backend)
    elif model.arithmetic is Arithmetic.INTEGER:
        yield from integer_findings(model)


def unserved(model: Model, backend: Backend) -> list[Diagnostic]:
    """Q510 for layers that no kernel of the back end serves, alike ones of a rule together.

    Q530 and Q531 for what integer arithmetic cannot compute.
    """
    if model.arithmetic is Arithmetic.INTEGER:
        if found := [*integer_findings(model), *_no_integers(backend)]:
            return found
    alike: dict[tuple[object, ...], list[Need]] = {}
    for need, kernel in _served(model, backend):
        if kernel is None:
            storage = need.storage
            key = (need.operation, storage.format, need.activations, storage.assigned.span)
            alike.setdefault(key, []).append(need)
    found = [_diagnostic(needs, backend.name) for needs in alike.values()]
    return [*found, *_unserved_values(model, backend)]


def _no_integers(backend: Backend) -> Iterator[Diagnostic]:
    """Where a back end computes nothing on integers."""
    if not any(c.operation == INTEGER and CODES in c.activations for c in backend.capabilities()):
        message = f"back end `{backend.name}` has no kernels for `arithmetic = integer`"
        help = f"leave `arithmetic` out, which is float; or all by {_OR_SLOWLY}"
        yield error("Q510", message, help=help)


def _unserved_values(model: Model, backend: Backend) -> Iterator[Diagnostic]:
    """Rounded products, softmaxes and outputs that no kernel computes."""
    served = {(c.operation, word) for c in backend.capabilities() for word in c.activations}
    for property, formats in model.roundings.items():
        for format in dict.fromkeys(formats.values()):
            if (property, activation_word(format)) not in served:
                paths = [p for p, f in formats.items() if f == format]
                message = f"back end `{backend.name}` has no kernel for {_listed(paths)}"
                help = f"leave `{property}` out: it is f32; or all by {_OR_SLOWLY}"
                yield error("Q510", f"{message}: {property} in {format}", help=help)


def _served(model: Model, backend: Backend) -> Iterator[tuple[Need, Capability | None]]:
    """Each need of the model with the kernel that serves it."""
    # layers are many, what they need is of few kinds
    find = cache(partial(find_kernel, backend))
    for need in needs(model):
        found = find(need.operation, need.storage.format, need.activations)
        if found is None and need.parts:
            found = find(need.parts, need.storage.format, need.activations)
        yield need, found


def _diagnostic(needs: Sequence[Need], backend: str) -> Diagnostic:
    need = needs[0]
    word, span = input_word(need.operation, need.activations), need.storage.assigned.span
    what = f"{need.operation} of {need.storage.format} with {word} activations"
    paths = list(dict.fromkeys(n.path for n in needs))
    message = f"back end `{backend}` has no kernel for {_listed(paths)}: {what}"
    other = "another weight format" + ("" if word in (CODES, "f32") else ", or f32 activations")
    help = f"give `{need.path}` {other}"
    if backend != REFERENCE:
        help += f"; or all by {_OR_SLOWLY}"
    # a packed file does not know the text it came from
    return error("Q510", message, None if span == no_span() else span, help=help)


def _listed(paths: Sequence[str]) -> str:
    """``a` and 3 more`."""
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"`{paths[0]}`{more}"


def _backend(target: "Profile | None") -> Backend | None:
    """The back end that plans are made for, None where its kernels are not built."""
    name = target.backend if target and target.backend else DEFAULT_BACKEND
    backend = backends().get(name)
    return backend if backend and backend.availability().available else None
