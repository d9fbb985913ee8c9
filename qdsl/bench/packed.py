"""Packs variants that were never trained, to measure how fast they run."""

from collections.abc import Mapping
from pathlib import Path

from qdsl.bench.given import fitting, random_inputs, usual_sizes
from qdsl.spec import Variant


def pack_untrained(variant: Variant, path: Path, given: Mapping[str, int] | None = None) -> None:
    """Writes the packed file of initial weights; static ranges are those of random inputs.

    given: sizes of dims, for entries that have them. Raises QdslError for an open format, for what
    cannot be packed, and for sizes on which an entry does not run.
    """
    program = variant.program(seed=0).to_qat().eval()
    if any(program.ranges()):
        model = program.ir
        sizes = {e.name: usual_sizes(e, given or {}) for e in model.entries}
        inputs = [(e.name, random_inputs(model, e, sizes[e.name])) for e in model.entries]
        together = {name: size for found in sizes.values() for name, size in found.items()}
        with fitting(", ".join(sizes), together):
            program.calibrate(inputs)
    program.pack(path)
