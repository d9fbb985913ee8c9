"""Defines `qdsl tune`: how kernels run fastest on this machine, found out for a model."""

from argparse import ArgumentParser, Namespace

from qdsl.cli.command import Command


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="file.qpack, or file.qspec#variant")
    parser.add_argument("--backend", metavar="NAME", required=True, help="whose kernels")
    help = "the entry that is run; the first without it"
    parser.add_argument("--entry", metavar="NAME", help=help)
    parser.add_argument(
        "--shape",
        metavar="SIZES",
        action="append",
        default=[],
        help="sizes of an entry's dims as calls will have them, `B=1,T=1000`; once for each case",
    )


def run(arguments: Namespace) -> int:
    from qdsl.bench.tuning import calls, tunable
    from qdsl.cli.measuring import measured_program, sizes_of_text
    from qdsl.cli.parser import fail
    from qdsl.cli.recorded import check_entry

    cases = []
    for text in arguments.shape or [""]:
        sizes = sizes_of_text(text) if text else {}
        if sizes is None:
            return fail(f"`--shape {text}` gives no sizes", "write `B=1,T=1000`")
        cases.append(sizes)
    backend = tunable(arguments.backend)
    program = measured_program(arguments.model, arguments.backend, cases[0])
    check_entry(program, arguments.entry)
    entries = {entry.name: entry for entry in program.ir.entries}
    entry = entries[arguments.entry or next(iter(entries))]
    for sizes in cases:
        for line in backend.tune(calls(program, entry, sizes)):
            print(line, flush=True)
    return 0


COMMAND = Command(
    "find out how a model's kernels run fastest on this machine",
    configure,
    run,
    description=(
        "Runs an entry on random inputs of each `--shape`, measures the ways in which the back end "
        "can divide every product with packed weights, and keeps the fastest in a file of the "
        "user's, which later runs read: on which device, for which sizes, how long. What was "
        "measured counts for like sizes too, and nothing is ever measured while a model is used. "
        "Without tuning a rule decides. The file is in the folder `QDSL_TUNED`, else in "
        "`qdsl/tuned` among the user's caches, and may be copied to machines with the same device. "
        "Needs the extra `torch`."
    ),
    examples=(
        ("qdsl tune small.qpack --backend gpu --shape B=1,T=1000", "one call after the other"),
        (
            "qdsl tune small.qpack --backend gpu --shape B=1,T=500 --shape B=16,T=500",
            "as a server that batches calls it",
        ),
    ),
    statuses=((1, "there is nothing to tune, or the model does not run with these sizes"),),
    see=("bench", "doctor"),
)
