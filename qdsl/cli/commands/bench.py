"""Defines `qdsl bench`: how fast a model or a kernel is, and how far from the machine's limits."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from qdsl.cli.command import Command
from qdsl.cli.recorded import add_backend

if TYPE_CHECKING:
    from qdsl.bench.document import Document
    from qdsl.bench.report import LayerRow
    from qdsl.bench.roofline import Limits

KERNEL = "kernel"


def configure(parser: ArgumentParser) -> None:
    help = "file.qpack, file.qspec#variant (packed untrained), or `kernel`"
    parser.add_argument("model", metavar="MODEL", help=help)
    help = "behind `kernel`, what it computes"
    parser.add_argument("operation", metavar="OPERATION", nargs="?", choices=("linear",), help=help)
    help = "the entry to measure; the first without it"
    parser.add_argument("--entry", metavar="NAME", help=help)
    parser.add_argument(
        "--shape",
        metavar="SIZES",
        action="append",
        default=[],
        help="sizes of an entry's dims, `B=1,T=1000`: B is 1 and others 100 without it; of a kernel"
        " `1x4096x4096`, M x N x K, once for each case",
    )
    help = "of a kernel, as a spec writes them; once for each case"
    parser.add_argument("--weights", metavar="FORMAT", action="append", default=[], help=help)
    help = (
        "of a kernel, as a spec writes them; `int8` is `int8(dynamic, per = token)`, the default "
        "but for weights that are no integers, which take f32"
    )
    parser.add_argument("--activations", metavar="FORMAT", help=help)
    help = "of a kernel: other weights in each call, 100 MB and more in turn, so from memory"
    parser.add_argument("--cold", action="store_true", help=help)
    help = "how many threads; as many as torch takes without it"
    parser.add_argument("--threads", metavar="N", type=int, help=help)
    help = "how often each is measured"
    parser.add_argument("--rounds", metavar="N", type=int, default=9, help=help)
    add_backend(parser)
    help = "write everything as JSON, each round, machine and versions"
    parser.add_argument("--json", metavar="FILE", type=Path, help=help)
    help = "draw the roofline with each operation in it; png, svg or pdf"
    parser.add_argument("--plot", metavar="FILE", type=Path, help=help)


def run(arguments: Namespace) -> int:
    from qdsl.cli.measuring import refused
    from qdsl.cli.parser import fail

    if wrong := refused(arguments):
        return fail(*wrong)
    if arguments.plot:
        import matplotlib  # noqa: F401 - before the work, where it is not installed
    if arguments.model == KERNEL:
        _kernels(arguments)
    else:
        _model(arguments)
    return 0


def _kernels(arguments: Namespace) -> None:
    from qdsl.bench.document import kernel_document
    from qdsl.bench.text import kernel_text
    from qdsl.cli.measuring import measured_kernels, show

    report = measured_kernels(arguments)
    show(kernel_text(report))
    rows = [row.layer for row in report.rows]
    limits = tuple(round for row in report.rows for round in row.limits)
    _keep(arguments, "kernels alone", rows, limits, kernel_document(report))


def _model(arguments: Namespace) -> None:
    from qdsl.bench.document import model_document
    from qdsl.bench.text import model_text
    from qdsl.cli.measuring import measured_model, show

    report = measured_model(arguments)
    show(model_text(report))
    title = f"{report.name}, entry {report.entry}"
    _keep(arguments, title, list(report.layers), report.limits, model_document(report))


def _keep(
    arguments: Namespace,
    title: str,
    rows: "list[LayerRow]",
    limits: "tuple[Limits, ...]",
    document: "Document",
) -> None:
    """Writes the files that were asked for."""
    if arguments.json:
        import json

        from qdsl.replacing import replacing

        with replacing(arguments.json) as file:
            file.write((json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode())
    if arguments.plot:
        from qdsl.bench.plot import plot

        plot(title, rows, limits, arguments.plot)


COMMAND = Command(
    "measure how fast a packed model or a kernel runs, and how near the limits of the machine",
    configure,
    run,
    description=(
        "Runs an entry of a packed model on random inputs and prints its time, and of each "
        "operation on weights the kernel, M x N x K, time, bytes of packed weights and operations "
        "a second, and its share of the whole; what else the graph does by operation. A spec is "
        "packed with initial weights. `kernel linear` measures kernels alone, one row for each "
        "`--weights` and `--shape`.\n\n"
        "`of limit` is the least time over the time: max(bytes / bandwidth, 2MNK / peak), the "
        "bandwidth of a working set as large as all weights that the entry reads, the peak that of "
        "the best instructions for int8, bf16 or f32 operands. Both are measured again between the "
        "rounds, so that what else the machine does is in both; figures are medians of ratios "
        "within a round. Needs the extra `torch`."
    ),
    examples=(
        ("qdsl bench specs/digits.qspec#int4 --entry encode --shape B=1,T=800", "no training"),
        (
            "qdsl bench small.qpack --threads 1 --json bench.json --plot bench.png",
            "with every figure, and a roofline",
        ),
        (
            "qdsl bench kernel linear --weights 'int4(group=64)' --shape 1x8192x8192 --cold",
            "a kernel whose weights come from memory",
        ),
    ),
    statuses=((1, "the model cannot be packed or run, or not with these sizes"),),
    see=("run", "compile", "doctor"),
)
