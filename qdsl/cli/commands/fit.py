"""Defines `qdsl fit`: choose the formats that `any(…)` leaves open, and write the lock."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from qdsl.cli.command import Command

if TYPE_CHECKING:
    from qdsl.spec import Variant


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", help="file.qspec or file.qspec#variant")
    help = "write nothing; exit 1 if the lock is not what would be written"
    parser.add_argument("--check", action="store_true", help=help)


def run(arguments: Namespace) -> int:
    from qdsl.cli.output import report
    from qdsl.cli.selection import open_spec, split
    from qdsl.fit import fit
    from qdsl.replacing import replacing
    from qdsl.size.lock import Locked, lock_path, lock_text, read_lock, variant_hash

    path, _ = split(arguments.spec)
    spec, variants = open_spec(arguments.spec)
    report(d for d in spec.diagnostics if d.code != "Q406")
    place = lock_path(path)
    locked = dict(read_lock(place))
    for variant in variants:
        model = variant.resolved.model
        if chosen := fit(variant):
            locked[variant.name] = Locked(variant_hash(model), chosen)
            print(_summary(variant, chosen))
        else:
            locked.pop(variant.name, None)
            print(f"{variant.name}: no format is open")
    text = lock_text(locked)
    before = place.read_text(encoding="utf-8") if place.exists() else None
    if arguments.check:
        if locked and text != before:
            print(f"{place} is out of date")
            return 1
        return 0
    if locked and text != before:
        with replacing(place) as file:
            file.write(text.encode())
        print(f"wrote {place}")
    return 0


def _summary(variant: "Variant", chosen: dict[str, str]) -> str:
    from collections import Counter

    from qdsl.size.quantity import exact_bytes

    fitted = variant.with_formats(chosen)
    counts = Counter(chosen.values())
    listed = ", ".join(f"{n} in {text}" for text, n in counts.most_common())
    return f"{variant.name}: {exact_bytes(fitted.size().total_bytes)}; {listed}"


COMMAND = Command(
    "choose the formats that `any(…)` leaves open, within the budget",
    configure,
    run,
    description=(
        "Assigns a format to every weight whose rule says `any(…)`, one that the variant's target "
        "serves, so that the budget holds and the noise of rounding is least; writes the choices "
        "to `FILE.lock.yaml`. The noise is that of a uniform quantizer: numel · 4^-bits of each "
        "weight, summed. The lock names the model it was made for: after an edit that matters, "
        "`check` says that it is stale."
    ),
    examples=(
        ("qdsl fit model.qspec", "every variant of the file"),
        ("qdsl fit --check model.qspec", "whether the lock is up to date, for CI"),
    ),
    statuses=((1, "no choice keeps the budget, or with `--check` the lock is out of date"),),
    see=("size", "check"),
)
