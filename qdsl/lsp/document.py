"""Holds an open file: its text, and what compiling it found."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from qdsl.diagnostic.model import Diagnostic
from qdsl.lsp.files import Files
from qdsl.lsp.text import Text
from qdsl.lsp.weights import Weights
from qdsl.sema.compile import Compiled, compile_file
from qdsl.sema.files import Read
from qdsl.sema.memory import Memory
from qdsl.source import Source
from qdsl.spec import Spec, Variant


@dataclass(eq=False)
class Judged:
    """A variant with its findings, None before they were asked for."""

    variant: Variant
    findings: tuple[Diagnostic, ...] | None = None

    @cached_property
    def weights(self) -> Weights:
        return Weights(self.variant)

    def is_of(self, variant: Variant) -> bool:
        """Whether it is the same variant still, made of the same nodes."""
        old = self.variant
        return old.resolved is variant.resolved and old.locked == variant.locked


@dataclass(eq=False)
class Analysis:
    """One compilation of a document; `reads` are the files that it read."""

    spec: Spec
    variants: Mapping[str, Judged]
    reads: frozenset[Path]

    @property
    def compiled(self) -> Compiled:
        return self.spec.compiled

    @property
    def ok(self) -> bool:
        return self.compiled.ok

    def unjudged(self) -> Iterator[tuple[str, Judged]]:
        """Variants whose kernels and budgets are to be looked at: none while there are errors."""
        return ((n, j) for n, j in self.variants.items() if self.ok and j.findings is None)


@dataclass(eq=False)
class Document:
    """An open file; `sound` is the last analysis without errors, or else the last with variants."""

    uri: str
    path: Path
    text: Text
    version: int | None
    files: Files
    memory: Memory = field(init=False)
    analysis: Analysis | None = None
    sound: Analysis | None = None
    _judged: dict[str, Judged] = field(default_factory=dict)  # the latest of each name

    def __post_init__(self) -> None:
        self.memory = Memory(self.files.parse)

    def analyse(self) -> Analysis:
        """The compilation of the latest text; made once."""
        if self.analysis is None:
            self.analysis = made = self._compiled()
            if made.ok or (made.variants and not (self.sound and self.sound.ok)):
                self.sound = made
        return self.analysis

    def forget(self) -> None:
        """Has the next `analyse` compile anew: a text that was read has changed."""
        self.analysis = None

    def reset(self) -> None:
        """Forgets everything that was made, after a failure in the middle of it."""
        self.analysis, self.memory = None, Memory(self.files.parse)

    def findings(self) -> list[Diagnostic]:
        """What `qdsl check` says; of a variant that was not judged yet, what was said last."""
        analysis = self.analyse()
        found = [*analysis.spec.diagnostics]
        if analysis.ok:
            for name, judged in analysis.variants.items():
                latest = self._judged.get(name, judged) if judged.findings is None else judged
                found += latest.findings or ()
        return list(dict.fromkeys(found))

    def judge(self, name: str, judged: Judged) -> None:
        """Looks at the kernels and the budget of a variant."""
        judged.findings = judged.variant.findings()
        self._judged[name] = judged

    def weighed(self, *names: str, most: int | None = None) -> Iterator[tuple[str, Weights]]:
        """The weights of variants that were judged already, and of those named here.

        `most`: of so many variants, judged or not.
        """
        self.analyse()
        for i, (name, judged) in enumerate(self.sound.variants.items() if self.sound else ()):
            asked = name in names or (most is not None and i < most)
            if asked or judged.findings is not None:
                yield name, judged.weights

    def _compiled(self) -> Analysis:
        reads: set[Path] = set()
        reader = _noting(self.files.read, reads)
        compiled = compile_file(self.path, self.path.name, reader, self.memory)
        spec = Spec(str(self.path), compiled, reader)
        variants: dict[str, Judged] = {}
        for name, variant in spec.variants.items():
            known = self._judged.get(name)
            variants[name] = known if known and known.is_of(variant) else Judged(variant)
        return Analysis(spec, variants, frozenset(reads))


def _noting(read: Read, into: set[Path]) -> Read:
    """The reader, which notes what it is asked for, be it there or not."""

    def noted(path: Path, name: str) -> tuple[Source | None, tuple[Diagnostic, ...]]:
        into.add(path)
        return read(path, name)

    return noted
