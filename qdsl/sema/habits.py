"""Knows names of Python and PyTorch that stand for nothing here, and what is written instead."""

from collections.abc import Iterable, Mapping

from qdsl.diagnostic.suggest import suggestion

LAYERS = "layers and functions are named alone: `Linear(d -> d)`, `relu(x)`"

NAMES: Mapping[str, str] = {
    "True": "write `true`",
    "False": "write `false`",
    "None": "write `none`",
    "self": "members are named alone: `norm(x)`",
    **dict.fromkeys(("nn", "torch", "F", "np", "math"), LAYERS),
    "print": "nothing is printed: `qdsl check --show ir` shows what is computed",
}


def unknown_name_help(name: str, known: Iterable[str]) -> str | None:
    """A help line for a name that is not known: what it is here, or else the nearest known one."""
    return NAMES.get(name) or suggestion(name, known)
