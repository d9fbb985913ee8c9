"""Offers the compiler as Python: `load_spec(path).variants[name]` sizes, compares and builds.

The words are those of the command line. Nothing here imports torch until a program is asked for.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from qdsl.diagnostic.model import Diagnostic, QdslError, error, warning
from qdsl.ir.format import WeightFormat
from qdsl.ir.model import Model, Storage
from qdsl.passes import run_passes
from qdsl.plan import check_kernels, kernels
from qdsl.sema.compile import Compiled, compile_file
from qdsl.sema.compile import Variant as ResolvedVariant
from qdsl.sema.files import Read
from qdsl.size.budget import Outcome
from qdsl.size.choices import Choose, from_texts, largest, open_storages, settled, smallest, texts
from qdsl.size.interval import Interval, JudgedInterval
from qdsl.size.limits import Judged, judge_all
from qdsl.size.report import Report, size
from qdsl.source import Span
from qdsl.syntax import read

if TYPE_CHECKING:
    from qdsl.fx import Program
    from qdsl.size.diff import Diff
    from qdsl.size.lock import Choices


@dataclass(frozen=True)
class Variant:
    """A variant of a spec, resolved and free of errors.

    `locked` are the formats that a lock chose for it, by storage path; without them a variant with
    `any(…)` is open: it has an interval of sizes, and is neither sized nor built.
    """

    resolved: ResolvedVariant
    label: str  # `file.qspec#name`
    locked: Mapping[str, str] | None = None

    def __repr__(self) -> str:
        return f"<Variant {self.label} of {self.resolved.model.name}>"

    @property
    def name(self) -> str:
        return self.resolved.name

    @cached_property
    def source(self) -> Model:
        """The model as written, before any pass; open formats as the lock has them."""
        model = self.resolved.model
        return model if self.locked is None else settled(model, from_texts(self.locked))

    @cached_property
    def model(self) -> Model:
        """The model as it is packed."""
        return run_passes(self.source)

    @cached_property
    def open(self) -> tuple[Storage, ...]:
        """Storages whose format is still to be chosen."""
        return open_storages(self.source)

    def choosing(self, choose: Choose) -> "Variant":
        """The variant with its open formats chosen."""
        return replace(self, locked=texts(self.open, choose))

    def with_formats(self, chosen: Mapping[str, str]) -> "Variant":
        """The variant with its open formats as a lock would have them, storage path → format."""
        return replace(self, locked=chosen)

    # ---- sizes -------------------------------------------------------------------------------

    def size(self) -> Report:
        """Exact bytes of the artifact, storage by storage; raises QdslError while it is open."""
        self.refuse_open()
        return self._size

    @cached_property
    def _size(self) -> Report:
        plan = kernels(self.model, self.resolved.target)
        return size(self.name, self.source, self.model, plan, choices=self.locked)

    def interval(self) -> Interval:
        """Exact bytes in the smallest choices and in the largest."""
        return Interval(self._least.size(), self._most.size(), self.open)

    @property
    def _least(self) -> "Variant":
        return self._ends[0] if self.open else self

    @property
    def _most(self) -> "Variant":
        return self._ends[1] if self.open else self

    @cached_property
    def _ends(self) -> tuple["Variant", "Variant"]:
        return self.choosing(smallest(self.serves)), self.choosing(largest(self.serves))

    def serves(self, format: WeightFormat) -> bool:
        """Whether the variant's target serves weights in that format; without a target, all are."""
        target = self.resolved.target
        if target is None:
            return True
        from qdsl.size.device import serves

        return serves(target, format)

    # ---- budgets -----------------------------------------------------------------------------

    def budgets(self) -> tuple[Judged, ...]:
        """What the variant's budget says of it, line by line."""
        return self._judged

    @cached_property
    def _judged(self) -> tuple[Judged, ...]:
        return judge_all(self.resolved.limits, self.size())

    def judged_interval(self) -> tuple[JudgedInterval, ...]:
        """The same at both ends of the interval."""
        pairs = zip(self._least.budgets(), self._most.budgets(), strict=True)
        return tuple(JudgedInterval(least, most) for least, most in pairs)

    def findings(self) -> tuple[Diagnostic, ...]:
        """Layers without a kernel, what the target lacks, and limits that cannot hold."""
        judged = self.judged_interval() if self.resolved.limits else ()
        missed = (d for j in judged if not j.possible for d in j.least.diagnostics)
        target, lacking = self.resolved.target, tuple[Diagnostic, ...]()
        if target is not None:
            from qdsl.size.device import check_device

            place = self.resolved.target_span
            lacking = check_device(target, self._least.size(), place, self._place)
        ends = (self._least, self._most) if self.open else (self,)
        unserved = (d for v in ends for d in check_kernels(v.model, target))
        return tuple(dict.fromkeys((*self._idle(), *unserved, *lacking, *missed)))

    def _idle(self) -> Iterator[Diagnostic]:
        if not self.source.entries:
            model = self.source
            message, help = f"model `{model.name}` has no entry", "add `entry run(…) { … }`"
            yield warning("Q221", message, model.root.span, "nothing of it can run", help=help)

    def _place(self, path: str) -> Span | None:
        claims = self.resolved.claims
        claim = claims.winner("activations", path) or claims.winner("state", path)
        return claim.property.span if claim else None

    def diff(self, other: "Variant") -> "Diff":
        """What changes in bytes from this variant to the other, with causes."""
        from qdsl.size.diff import diff

        return diff(self.size(), other.size(), (self.outcomes(), other.outcomes()))

    def outcomes(self) -> list[Outcome]:
        """Of the lines of the budget that say something."""
        return [j.outcome for j in self.budgets() if j.outcome]

    # ---- what is made of it ------------------------------------------------------------------

    def program(self, seed: int = 0) -> "Program":
        """A trainable float program, its weights initialised by path from the seed."""
        from qdsl.fx import build

        self.refuse_open()
        return build(self.source, packed=self.model, seed=seed, choices=self.locked)

    def refuse_open(self) -> None:
        """Raises QdslError (Q404) while a format is to be chosen."""
        if not self.open:
            return
        first, count = self.open[0], len(self.open)
        others = f" and {count - 1} more" if count > 1 else ""
        message = f"the format of `{first.path}`{others} is open in `{self.label}`"
        help = f"`qdsl fit {self.label}` chooses one for each"
        raise QdslError([error("Q404", message, first.assigned.span, help=help)])


class Variants(dict[str, Variant]):
    """Variants by name; a wrong name is a KeyError that says which there are."""

    def __missing__(self, name: str) -> Variant:
        raise KeyError(f"no variant {name!r}: there are {', '.join(self) or 'none'}")


@dataclass(frozen=True)
class Spec:
    """A compiled file: its variants by name and what was found in it."""

    path: str
    compiled: Compiled
    reader: Read = read

    @cached_property
    def variants(self) -> Mapping[str, Variant]:
        return Variants(
            (n, Variant(v, f"{self.path}#{n}", self._locks[0].get(n)))
            for n, v in self.compiled.variants.items()
        )

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        return (*self.compiled.diagnostics, *self._locks[1])

    @cached_property
    def _locks(self) -> "tuple[Mapping[str, Choices], tuple[Diagnostic, ...]]":
        """Choices of the lock beside the file, for variants that it was made for."""
        models = {n: v.model for n, v in self.compiled.variants.items() if open_storages(v.model)}
        if not models:
            return {}, ()
        from qdsl.size.lock import read_locks

        return read_locks(self.path, models, self.reader)


def check_spec(path: str | Path, reader: Read = read) -> Spec:
    """The spec with its findings, which it never raises; those of variants are theirs to tell."""
    return Spec(str(path), compile_file(Path(path), str(path), reader), reader)


def load_spec(path: str | Path) -> Spec:
    """The spec; raises QdslError with every diagnostic when it has errors."""
    spec = check_spec(path)
    if not spec.compiled.ok:
        raise QdslError(spec.diagnostics)
    return spec
