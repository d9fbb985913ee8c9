"""A declarative language and compiler for neural networks with a size budget.

`load_spec(path).variants[name]` sizes and compares variants and makes programs to train; `load`
opens a packed file on a back end. Importing this package loads neither torch nor the parser.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qdsl.fx import load as load
    from qdsl.spec import Spec as Spec
    from qdsl.spec import Variant as Variant
    from qdsl.spec import load_spec as load_spec

__all__ = ("Spec", "Variant", "load", "load_spec")

_HOMES = {"load": "qdsl.fx", "Spec": "qdsl.spec", "Variant": "qdsl.spec", "load_spec": "qdsl.spec"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module `qdsl` has no attribute `{name}`")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
