"""Reads what `qdsl bench` is asked for, measures it, and shows tables."""

import re
import sys
from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from qdsl.cli.bar import bar
from qdsl.cli.output import report, use_color
from qdsl.cli.overwriting import overwrites
from qdsl.cli.recorded import check_entry
from qdsl.cli.terminal import print_table

if TYPE_CHECKING:
    from qdsl.bench.report import KernelReport, ModelReport
    from qdsl.bench.text import Table
    from qdsl.fx import Program

MOST_THREADS, MOST_ROUNDS = 1024, 10_000
DRAWN = (".png", ".svg", ".pdf")

Wrong = tuple[str, str]  # what is wrong with the command line, and a help

_KERNEL_SHAPE = re.compile(r"\s*(\d{1,9})\s*[x×]\s*(\d{1,9})\s*[x×]\s*(\d{1,9})\s*")
_SIZE = re.compile(r"\s*([A-Za-z_]\w*)\s*=\s*(\d{1,9})\s*")


def refused(arguments: Namespace) -> Wrong | None:
    """What is wrong with the options as a whole."""
    own = _kernel_refused if arguments.model == "kernel" else _model_refused
    return _numbers_refused(arguments) or own(arguments)


def _numbers_refused(arguments: Namespace) -> Wrong | None:
    if arguments.threads is not None and not 1 <= arguments.threads <= MOST_THREADS:
        return f"`--threads {arguments.threads}`", f"from 1 to {MOST_THREADS}"
    if not 1 <= arguments.rounds <= MOST_ROUNDS:
        return f"`--rounds {arguments.rounds}`", f"from 1 to {MOST_ROUNDS}"
    for file in (arguments.json, arguments.plot):
        if file and not file.absolute().parent.is_dir():
            return f"there is no folder `{file.parent}`", f"make it, `{file.name}` goes there"
    if wrong := overwrites((arguments.json, arguments.plot), (_model_file(arguments),)):
        return wrong, "give `--json` and `--plot` names of their own"
    if arguments.plot and arguments.plot.suffix not in DRAWN:
        return f"`--plot {arguments.plot}` is no picture", f"end it in one of {', '.join(DRAWN)}"
    return None


def _model_file(arguments: Namespace) -> Path | None:
    """That of `file.qpack` and of `file.qspec#variant`; None for kernels."""
    return None if arguments.model == "kernel" else Path(arguments.model.partition("#")[0])


def _model_refused(arguments: Namespace) -> Wrong | None:
    if arguments.operation is not None:
        return f"`{arguments.operation}` behind a model", "`qdsl bench kernel linear` has one"
    for name in ("weights", "activations", "cold"):
        if getattr(arguments, name):
            return f"`--{name}` is of kernels alone", "`qdsl bench kernel linear --weights …`"
    for text in arguments.shape:
        if sizes_of_text(text) is None:
            return (
                f"`--shape {text}` gives no sizes",
                "write `B=1,T=1000`, numbers of at most nine digits",
            )
    return None


def _kernel_refused(arguments: Namespace) -> Wrong | None:
    if arguments.operation is None:
        return "`kernel` of which operation?", "`qdsl bench kernel linear …`"
    if arguments.entry is not None:
        return "`--entry` is of a model", "leave it out"
    if not arguments.weights:
        return "a kernel needs `--weights FORMAT`", "such as `--weights 'int4(group = 64)'`"
    if not arguments.shape:
        return "a kernel needs `--shape MxNxK`", "such as `--shape 1x4096x4096`"
    for text in arguments.shape:
        match = _KERNEL_SHAPE.fullmatch(text)
        if match is None or "0" in {group.lstrip("0") or "0" for group in match.groups()}:
            return f"`--shape {text}` is not M x N x K", "write `1x4096x4096`, numbers from 1 on"
    return None


def sizes_of_text(text: str) -> Mapping[str, int] | None:
    """`B=1,T=1000`; None where that is not what it says."""
    matches = [_SIZE.fullmatch(part) for part in text.split(",")]
    found = {match[1]: int(match[2]) for match in matches if match}
    return found if len(found) == len(matches) else None


# ---- measuring ---------------------------------------------------------------------------------


def measured_kernels(arguments: Namespace) -> "KernelReport":
    """A row for each format and shape; raises QdslError."""
    from qdsl.bench.kernel import Case, bench_kernels, usual_activations
    from qdsl.bench.model import Plan

    matches = [_KERNEL_SHAPE.fullmatch(text) for text in arguments.shape]
    shapes = [(int(m[1]), int(m[2]), int(m[3])) for m in matches if m]
    given = arguments.activations
    cases = [
        Case(weights, given or usual_activations(weights, shape), shape, arguments.cold)
        for weights in arguments.weights
        for shape in shapes
    ]
    with bar("measure", arguments.rounds * len(cases)) as notice:
        plan = Plan(arguments.backend, arguments.threads, arguments.rounds, notice)
        return bench_kernels(cases, plan)


def measured_model(arguments: Namespace) -> "ModelReport":
    """One entry of the model; raises QdslError."""
    from qdsl.bench.model import Plan, bench_model

    sizes = {k: v for text in arguments.shape for k, v in (sizes_of_text(text) or {}).items()}
    program = measured_program(arguments.model, arguments.backend, sizes)
    check_entry(program, arguments.entry)
    entries = {entry.name: entry for entry in program.ir.entries}
    entry = entries[arguments.entry or next(iter(entries))]
    with bar("measure", arguments.rounds) as notice:
        plan = Plan(arguments.backend, arguments.threads, arguments.rounds, notice)
        return bench_model(program, arguments.model, entry, sizes, plan)


def measured_program(text: str, backend: str, sizes: Mapping[str, int]) -> "Program":
    """That of a packed file, or of a variant that is packed for the purpose."""
    from qdsl.cli.selection import open_variant
    from qdsl.fx import load

    if ".qspec" not in text:
        return load(text, backend)
    from qdsl.bench.packed import pack_untrained

    spec, variant = open_variant(text)
    report(spec.diagnostics)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bench.qpack"
        pack_untrained(variant, path, sizes)
        return load(path, backend)


# ---- showing -----------------------------------------------------------------------------------


def show(parts: "Iterable[str | Table]") -> None:
    """Lines, and tables between them, on stdout."""
    for part in parts:
        if isinstance(part, str):
            print(part)
            continue
        print() if use_color(sys.stdout) else print(f"\n{part.title}")
        print_table(part.title, part.headings, part.rows, part.right)
