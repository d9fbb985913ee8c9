"""Defines what a file of `formats` or `sparsity` holds, and how a wrong option is told."""

from qdsl.ir.format import Grid
from qdsl.record import record


@record
class Family:
    """A number format by its word in a spec.

    `grid` is the default one; `options` are written `name = value`, `flags` alone. `doc` is shown
    by `explain`, `source` says where the formula stands.
    """

    name: str
    grid: Grid
    doc: str
    source: str
    options: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()


@record
class SparsityFamily:
    """A sparsity pattern and the words that `list` and `explain` show of it."""

    name: str
    doc: str
    source: str


@record
class FormatError:
    """An option that a format does not take, or takes otherwise.

    `option` is the word at fault (`sparse` for the pattern, the format's own name where it is the
    format as a whole), `message` a terse phrase, `help` what to write instead.
    """

    option: str
    message: str
    help: str | None = None


SCALED_OPTIONS = frozenset({"per", "group", "scale", "tail", "index"})
INTEGER_OPTIONS = SCALED_OPTIONS | {"zero", "clip", "clip_norm", "clip_per", "levels"}
INTEGER_FLAGS = frozenset({"symmetric", "asymmetric", "dynamic", "static"})
FLOAT_OPTIONS = frozenset({"index"})
