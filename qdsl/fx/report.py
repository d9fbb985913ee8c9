"""Holds what a comparison of trained and packed layers found, and writes it as text."""

from dataclasses import dataclass

from qdsl.artifact.certificate import Certificate


@dataclass(frozen=True, slots=True)
class LayerReport:
    """One operation on packed weights, given the same inputs in both graphs.

    `max_error` is the difference that is largest beside its `bound`: what is allowed for that
    output, 0 where the sums are integers. `codes_equal`: the file has the frozen codes, scales,
    zeros and masks.
    """

    path: str
    kind: str
    codes_equal: bool
    max_error: float
    bound: float
    ok: bool


@dataclass(frozen=True, slots=True)
class EntryReport:
    """The results of an entry, end to end: exact mode against the packed graph.

    `finite`: exact mode gives at least one number that is finite.
    """

    entry: str
    equal: bool
    max_error: float
    must_be_equal: bool
    finite: bool = True

    @property
    def ok(self) -> bool:
        return self.equal or not self.must_be_equal


@dataclass(frozen=True, slots=True)
class Report:
    """`stored`: keys of parameters that the file has otherwise than the trained program.

    `file` is what a certificate calls the packed file.
    """

    layers: tuple[LayerReport, ...]
    entries: tuple[EntryReport, ...]
    stored: tuple[str, ...] = ()
    file: str = ""

    @property
    def rows(self) -> tuple[LayerReport | EntryReport, ...]:
        return (*self.layers, *self.entries)

    @property
    def failed(self) -> tuple[str, ...]:
        """What differs: paths of layers, keys that are stored otherwise, names of entries."""
        layers = (r.path for r in self.layers if not r.ok)
        entries = (e.entry for e in self.entries if not e.ok)
        return (*layers, *self.stored, *entries)

    @property
    def ok(self) -> bool:
        return not self.failed

    def certificate(self, backend: str, instructions: str, inputs: str) -> Certificate:
        """What was found, for the packed file; `inputs` are the digits of the recorded ones."""
        return Certificate(
            backend=backend,
            instructions=instructions,
            layers=len(self.layers),
            codes=sum(r.codes_equal for r in self.layers),
            equal=sum(r.max_error == 0 for r in self.layers),
            bound=sum(r.max_error <= r.bound for r in self.layers),
            worst=max((r.max_error / r.bound for r in self.layers if r.bound), default=0.0),
            entries_equal=sum(e.equal for e in self.entries),
            entries=len(self.entries),
            inputs=inputs,
            file=self.file,
        )

    def __repr__(self) -> str:
        result = f"{len(self.failed)} failed" if self.failed else "all hold"
        return f"<Report: {len(self.layers)} layers, {len(self.entries)} entries, {result}>"

    def __str__(self) -> str:
        return report_text(self)


def report_text(report: Report) -> str:
    """One line per layer and entry, and the verdict."""
    width = max((len(r.path) for r in report.layers), default=0)
    lines = [
        f"{_mark(r.ok)} {r.path:<{width}}  {r.kind:<10} codes {_word(r.codes_equal)}"
        f"  error {r.max_error:.3g} of {r.bound:.3g}"
        for r in report.layers
    ]
    lines += [f"{_mark(False)} {key} is stored otherwise" for key in report.stored]
    for e in report.entries:
        result = "equal" if e.equal else f"differs by {e.max_error:.3g}"
        lines.append(f"{_mark(e.ok)} entry {e.entry}: {result}")
    failed = len(report.failed)
    lines.append(f"{failed} of the comparisons failed" if failed else "all comparisons hold")
    return "\n".join(lines)


def _mark(ok: bool) -> str:
    return "ok  " if ok else "FAIL"


def _word(equal: bool) -> str:
    return "equal" if equal else "DIFFER"
