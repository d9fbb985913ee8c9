"""Offers the compiler as Python: `load_spec(path).variants[name]` sizes, compares and builds.

The words are those of the command line. Nothing here imports torch until a program is asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from qdsl.diagnostic.model import Diagnostic, QdslError
from qdsl.ir.model import Model
from qdsl.passes import run_passes
from qdsl.plan import check_kernels, kernels
from qdsl.sema.compile import Compiled, compile_file
from qdsl.sema.compile import Variant as ResolvedVariant
from qdsl.sema.files import Read
from qdsl.size.budget import Outcome
from qdsl.size.diff import Diff, diff
from qdsl.size.limits import Judged, judge_all
from qdsl.size.report import Report, size
from qdsl.syntax import read

if TYPE_CHECKING:
    from qdsl.fx import Program


@dataclass(frozen=True)
class Variant:
    """A variant of a spec, resolved and free of errors."""

    resolved: ResolvedVariant
    label: str  # `file.qspec#name`

    @property
    def name(self) -> str:
        return self.resolved.name

    @cached_property
    def source(self) -> Model:
        """The model as written, before any pass."""
        return self.resolved.model

    @cached_property
    def model(self) -> Model:
        """The model as it is packed."""
        return run_passes(self.source)

    def size(self) -> Report:
        """Exact bytes of the artifact, storage by storage."""
        return self._size

    @cached_property
    def _size(self) -> Report:
        return size(self.name, self.source, self.model, kernels(self.model))

    def budgets(self) -> tuple[Judged, ...]:
        """What the variant's budget says of it, line by line."""
        return self._judged

    @cached_property
    def _judged(self) -> tuple[Judged, ...]:
        return judge_all(self.resolved.limits, self.size())

    def findings(self) -> tuple[Diagnostic, ...]:
        """Layers without a kernel, and limits that are missed or say nothing."""
        missed = (d for j in self.budgets() for d in j.diagnostics)
        return (*check_kernels(self.model), *missed)

    def diff(self, other: "Variant") -> Diff:
        """What changes in bytes from this variant to the other, with causes."""
        return diff(self.size(), other.size(), (self._outcomes(), other._outcomes()))

    def _outcomes(self) -> list[Outcome]:
        return [j.outcome for j in self.budgets() if j.outcome]

    def program(self, seed: int = 0) -> "Program":
        """A trainable float program, its weights initialised by path from the seed."""
        from qdsl.fx import build

        return build(self.source, packed=self.model, seed=seed)


@dataclass(frozen=True)
class Spec:
    """A compiled file: its variants by name and what was found in it."""

    path: str
    compiled: Compiled

    @cached_property
    def variants(self) -> Mapping[str, Variant]:
        return {n: Variant(v, f"{self.path}#{n}") for n, v in self.compiled.variants.items()}

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        return self.compiled.diagnostics


def check_spec(path: str | Path, reader: Read = read) -> Spec:
    """The spec with its findings, which it never raises; those of variants are theirs to tell."""
    return Spec(str(path), compile_file(Path(path), str(path), reader))


def load_spec(path: str | Path) -> Spec:
    """The spec; raises QdslError with every diagnostic when it has errors."""
    spec = check_spec(path)
    if not spec.compiled.ok:
        raise QdslError(spec.diagnostics)
    return spec
