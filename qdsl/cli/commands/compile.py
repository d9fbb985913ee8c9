"""Defines `qdsl compile`: pack a model that was trained elsewhere."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from qdsl.cli.command import Command

if TYPE_CHECKING:
    from qdsl.cli.inputs import Given
    from qdsl.diagnostic.model import Diagnostic
    from qdsl.fx import Program
    from qdsl.fx.ptq.report import Compensation
    from qdsl.recipes.schedule import Calibration
    from qdsl.spec import Variant

METHODS = ("round", "calibrate", "gptq")
CALIBRATIONS = ("mse", "percentile", "ema")


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", help="file.qspec#variant")
    parser.add_argument(
        "--weights",
        metavar="FILE",
        type=Path,
        help="state dict of the float program, or the frozen state that a training wrote",
    )
    help = "pack initial values of this seed in place of weights, to try kernels"
    parser.add_argument("--seed", metavar="N", type=int, help=help)
    parser.add_argument(
        "--inputs",
        metavar="FILE",
        type=Path,
        help="safetensors file with tensors `entry.input`, for what is found from values",
    )
    parser.add_argument(
        "--method",
        choices=METHODS,
        default="round",
        help="round weights as they are, calibrate static ranges too, or let weights make up for"
        " errors of rounding (GPTQ) as well",
    )
    parser.add_argument(
        "--calibration",
        choices=CALIBRATIONS,
        help="how static ranges are found: by least squared rounding error (mse, without the"
        " option), without the outermost values, or by a moving average over the inputs",
    )
    parser.add_argument("--report", action="store_true", help="print the error of each weight")
    help = "write the frozen state too, which `qdsl verify` compares the packed file with"
    parser.add_argument("--state", metavar="FILE", type=Path, help=help)
    help = "where to write; `VARIANT.qpack` without it"
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help=help)


def run(arguments: Namespace) -> int:
    if wrong := _refused(arguments):
        from qdsl.cli.parser import fail

        return fail(*wrong)
    from qdsl.cli.output import report
    from qdsl.cli.selection import open_variant

    spec, variant = open_variant(arguments.spec)
    path = arguments.output or Path(f"{variant.name}.qpack")
    if status := _overwrites(arguments, path, spec.path):
        return status
    if report((*spec.diagnostics, *_findings(variant))):
        return 1
    program = _program(variant, arguments)
    if arguments.method != "round" and any(q.frozen for _, q, _ in program.quantizers()):
        from qdsl.cli.parser import fail

        help = f"leave `--method {arguments.method}` out"
        return fail(f"`{arguments.weights}` is a frozen state", help)
    found = _quantized(program, arguments)
    _write(program, path, arguments.state)
    if arguments.report and found:
        print(found)
    return 0


def _refused(arguments: Namespace) -> tuple[str, str] | None:
    """What is wrong with the options as a whole, and a help."""
    if (arguments.weights is None) == (arguments.seed is None):
        return "give one of `--weights FILE` and `--seed N`", "`--weights` packs a trained model"
    if arguments.method != "round" and arguments.inputs is None:
        return f"`--method {arguments.method}` needs `--inputs FILE`", "record some inputs"
    if arguments.calibration and arguments.method == "round":
        return "`--method round` calibrates nothing", "add `--method calibrate`"
    if arguments.report and arguments.method != "gptq":
        return "`--report` is of `--method gptq`", "leave it out, or choose that method"
    return None


def _overwrites(arguments: Namespace, path: Path, spec: str) -> int:
    """2, said, where what is written would take the place of what is read; else 0."""
    from qdsl.cli.overwriting import overwrites

    wrong = overwrites((path, arguments.state), (Path(spec), arguments.weights, arguments.inputs))
    if wrong is None:
        return 0
    from qdsl.cli.parser import fail

    return fail(wrong, "give `--output` and `--state` names of their own")


def _findings(variant: "Variant") -> "tuple[Diagnostic, ...]":
    """What stands against packing: a missed budget, a layer without a kernel, an open format."""
    variant.size()  # raises for an open format
    return variant.findings()


def _program(variant: "Variant", arguments: Namespace) -> "Program":
    from qdsl.fx.pretrained import with_weights

    if arguments.weights is None:
        return variant.program(seed=arguments.seed).to_qat().eval()
    return with_weights(variant.program(), arguments.weights)


def _quantized(program: "Program", arguments: Namespace) -> "Compensation | None":
    """Finds ranges and codes from the inputs, as far as the method says."""
    if arguments.method == "round":
        return None
    from qdsl.cli.inputs import read_inputs, running

    inputs = read_inputs(program.ir, arguments.inputs, every=False)
    _refuse_not_finite(inputs, arguments.inputs)
    with running(program, inputs, arguments.inputs):
        if any(program.ranges()):
            program.calibrate(inputs, _calibration(arguments.calibration))
        if arguments.method == "gptq":
            return _compensated(program, inputs)
    return None


def _calibration(word: str | None) -> "Calibration | None":
    """That of the word, as a recipe without arguments has it."""
    from qdsl.recipes.schedule import Ema, Mse, Percentile

    found: dict[str, Calibration] = {"mse": Mse(), "percentile": Percentile(), "ema": Ema()}
    return found[word] if word else None


def _refuse_not_finite(inputs: "list[Given]", path: Path) -> None:
    """Raises QdslError (Q712): nothing is found from values that are not finite."""
    from qdsl.diagnostic.model import QdslError, error

    for entry, values in inputs:
        if not all(bool(v.isfinite().all()) for v in values if v is not None):
            message = f"inputs of `{entry}` in `{path}` are not finite"
            raise QdslError([error("Q712", message)])


def _compensated(program: "Program", inputs: "list[Given]") -> "Compensation":
    from qdsl.cli.bar import bar
    from qdsl.fx.ptq.run import compensate_program

    total = sum(not storage.format.is_float for storage in program.ir.storages)
    with bar("compensate", total) as notice:
        return compensate_program(program, inputs, notice)


def _write(program: "Program", path: Path, state: Path | None) -> None:
    from qdsl.fx.restore import save_frozen
    from qdsl.size.quantity import exact_bytes

    if state is not None:
        save_frozen(program, state)
    count = program.pack(path)
    print(f"wrote {path}: {exact_bytes(count)}")


COMMAND = Command(
    "pack a trained model",
    configure,
    run,
    description=(
        "Packs a variant with weights that were trained before: checks the budget and the "
        "kernels, quantizes, and writes the .qpack file, whole or not at all. Weights are a state "
        "dict in safetensors or as `torch.save` writes it, keys as `docs/artifact.md` names them. "
        "`--method gptq` rounds each weight in the order of the graph so that later inputs of a "
        "row make up for the errors of earlier ones (arXiv 2210.17323), and keeps plain rounding "
        "where that is no better on the recorded inputs. Needs the extra `torch`."
    ),
    examples=(
        ("qdsl compile m.qspec#small --weights w.safetensors", "weights rounded as they are"),
        (
            "qdsl compile m.qspec#small --weights w.pt --inputs x.safetensors --method gptq",
            "later inputs of a row make up for the errors of earlier ones",
        ),
        (
            "qdsl compile m.qspec#small --weights w.pt --state small.safetensors",
            "with what `qdsl verify --checkpoint` takes",
        ),
        ("qdsl compile m.qspec#small --seed 0", "a file to try kernels with"),
    ),
    statuses=((1, "errors were found, a missed budget among them"),),
    see=("verify", "run", "fit"),
)
