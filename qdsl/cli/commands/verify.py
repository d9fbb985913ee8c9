"""Defines `qdsl verify`: a packed file against the trained program that it was packed from."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from qdsl.cli.command import Command
from qdsl.cli.recorded import add_backend, add_inputs

if TYPE_CHECKING:
    from qdsl.cli.inputs import Given
    from qdsl.diagnostic.model import Diagnostic
    from qdsl.fx import Program, Report
    from qdsl.spec import Variant
    from qdsl.tasks.asr.agreement import Agreement


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", help="file.qspec#variant")
    parser.add_argument("packed", metavar="PACKED", type=Path, help="the .qpack file")
    parser.add_argument(
        "--checkpoint",
        metavar="FILE",
        type=Path,
        required=True,
        help="state dict of the frozen program",
    )
    add_inputs(parser)
    add_backend(parser)
    help = "write what was found into the packed file, where everything holds"
    parser.add_argument("--seal", action="store_true", help=help)
    parser.add_argument("--format", choices=("text", "json"), default="text", help="what to print")


def run(arguments: Namespace) -> int:
    from qdsl.cli.inputs import read_inputs, running
    from qdsl.cli.output import report
    from qdsl.cli.selection import open_variant
    from qdsl.fx import verify
    from qdsl.fx.restore import restore_frozen

    spec, variant = open_variant(arguments.spec)
    report(spec.diagnostics)
    _check_packed_from(variant, arguments.packed)
    program = restore_frozen(variant.program(), arguments.checkpoint)
    inputs = read_inputs(variant.model, arguments.inputs)
    with running(program, inputs, arguments.inputs):
        found = verify(program, arguments.packed, inputs, arguments.backend)
        tokens = _tokens(program, inputs, arguments)
    if found.ok and (refused := _nothing_compared(found, inputs, arguments)):
        return report([refused])
    if arguments.format == "json":
        import json

        print(json.dumps(_json(found, tokens), indent=1))
    else:
        print(found if tokens is None else f"{found}\n{tokens}")
    if not found.ok:
        return report([_mismatch(found, arguments.packed, arguments.backend)])
    if tokens is not None and not tokens.ok:
        return report([_unlike(tokens, arguments.packed)])
    if arguments.seal:
        _seal(found, arguments)
    return 0


def _check_packed_from(variant: "Variant", path: Path) -> None:
    """Raises QdslError (Q6xx, Q714) where the file is not sound, or of another variant."""
    from qdsl.artifact.container import read
    from qdsl.artifact.schema import model_to_json
    from qdsl.diagnostic.model import QdslError, error

    if model_to_json(read(path).model) != model_to_json(variant.model):
        message = f"`{path}` was not packed from `{variant.label}`"
        help = "name the variant it was packed from, or pack it again"
        raise QdslError([error("Q714", message, help=help)])


def _tokens(program: "Program", inputs: "list[Given]", arguments: Namespace) -> "Agreement | None":
    """What the graph as trained and the packed one hear, where the model is a recognizer."""
    from qdsl.fx import load
    from qdsl.tasks.asr.agreement import agreement, is_recognizer

    audio, lengths = dict(inputs).get("encode", (None, None))[:2]
    if audio is None or lengths is None or not is_recognizer(program):
        return None
    packed = load(arguments.packed, arguments.backend)
    return agreement(program, packed, audio, lengths)


def _unlike(tokens: "Agreement", packed: Path) -> "Diagnostic":
    from qdsl.diagnostic.model import error

    differing = len(tokens.differences)
    message = f"`{packed}` gives other tokens in {differing} of {tokens.utterances} utterances"
    help = "decisions of a small margin may go either way: train on, or record more utterances"
    return error("Q721", message, help=help)


def _nothing_compared(
    found: "Report", inputs: "list[Given]", arguments: Namespace
) -> "Diagnostic | None":
    """Says so (Q712) where an entry was given, or gave, no number that is finite.

    Inputs without a row are no mistake, but nothing that a seal can speak of.
    """
    from qdsl.diagnostic.model import error

    given = {e: [v for v in values if v is not None and v.numel()] for e, values in inputs}
    for row in found.entries:
        is_given = any(bool(v.isfinite().any()) for v in given[row.entry])
        if (is_given and row.finite) or not (given[row.entry] or arguments.seal):
            continue
        what = "gives" if is_given else "is given"
        with_file = f"no finite number with `{arguments.inputs}`"
        message = f"nothing was compared: `{row.entry}` {what} {with_file}"
        help = "record inputs of at least one row, as the entry gets them in practice"
        return error("Q712", message, help=help)
    return None


def _seal(found: "Report", arguments: Namespace) -> None:
    """Writes the certificate; says so on stderr, for stdout may be JSON."""
    import sys
    from hashlib import sha256

    from qdsl.artifact.certificate import DIGEST_CHARACTERS
    from qdsl.artifact.container import seal

    inputs = sha256(arguments.inputs.read_bytes()).hexdigest()[:DIGEST_CHARACTERS]
    seal(
        arguments.packed,
        found.certificate(arguments.backend, _instructions(arguments.backend), inputs),
    )
    print(f"sealed {arguments.packed}", file=sys.stderr)


def _instructions(name: str) -> str:
    """The instruction set that the back end's kernels use, as far as it tells."""
    from qdsl.target import Surveyed, backends

    backend = backends().get(name)
    return backend.survey().chosen if isinstance(backend, Surveyed) else "any"


def _mismatch(found: "Report", packed: Path, backend: str) -> "Diagnostic":
    from qdsl.diagnostic.model import error
    from qdsl.target import REFERENCE

    first, *others = found.failed
    more = f" and {len(others)} more" if others else ""
    message = f"`{packed}` differs from the program it was packed from in `{first}`{more}"
    if backend == REFERENCE:
        return error("Q721", message, help="pack it again from this checkpoint")
    help = (
        f"compare with `--backend reference`: where that agrees, a kernel of `{backend}` is wrong"
    )
    return error("Q721", message, help=help)


def _json(found: "Report", tokens: "Agreement | None") -> dict[str, object]:
    from dataclasses import asdict

    ok = found.ok and (tokens is None or tokens.ok)
    return {**asdict(found), "tokens": asdict(tokens) if tokens else None, "ok": ok}


COMMAND = Command(
    "compare a packed file with the program it was packed from",
    configure,
    run,
    description=(
        "Runs recorded inputs through the frozen program and through the packed file on a back "
        "end, and compares what every layer and every entry gives; compares the stored codes and "
        "scales themselves, bit by bit. Of a recognizer both graphs decode the recorded audio, and "
        "99.5 % of the utterances must give the same tokens. Needs the extra `torch`."
    ),
    examples=(
        (
            "qdsl verify m.qspec a.qpack --checkpoint b.safetensors --inputs x.safetensors",
            "on the kernels of this processor",
        ),
        (
            "qdsl verify m.qspec a.qpack --checkpoint b.st --inputs x.st --seal",
            "with a certificate in `a.qpack`, which `inspect` shows",
        ),
    ),
    statuses=((1, "errors were found, or the two differ"),),
    see=("inspect", "doctor"),
)
