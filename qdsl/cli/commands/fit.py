"""Defines `qdsl fit`: choose the formats that `any(…)` leaves open, and write the lock."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from qdsl.cli.command import Command

if TYPE_CHECKING:
    from qdsl.diagnostic.model import Diagnostic
    from qdsl.size.lock import Locked
    from qdsl.spec import Variant


def configure(parser: ArgumentParser) -> None:
    parser.add_argument("spec", metavar="SPEC", help="file.qspec or file.qspec#variant")
    help = "write nothing; exit 1 if the lock is not what would be written"
    parser.add_argument("--check", action="store_true", help=help)


def run(arguments: Namespace) -> int:
    from qdsl.cli.output import report
    from qdsl.cli.selection import open_spec, split
    from qdsl.size.lock import lock_path, read_lock

    path, _ = split(arguments.spec)
    spec, variants = open_spec(arguments.spec)
    report(d for d in spec.diagnostics if d.code != "Q406")
    place = lock_path(path)
    # of variants that the file has no more, nothing is kept
    locked = {n: entry for n, entry in read_lock(place).items() if n in spec.variants}
    found = _fit(variants, locked)
    changed = _write(place, locked, arguments.check)
    return max(report(found), int(changed and arguments.check))


def _fit(variants: "tuple[Variant, ...]", locked: "dict[str, Locked]") -> "list[Diagnostic]":
    """Changes the entries of these variants; gives what is wrong with those that cannot be fitted.

    What one variant lacks costs no other its choices.
    """
    from qdsl.diagnostic.model import QdslError
    from qdsl.fit import fit
    from qdsl.size.lock import Locked, variant_hash

    found: list[Diagnostic] = []
    for variant in variants:
        locked.pop(variant.name, None)
        try:
            chosen = fit(variant)
        except QdslError as failure:
            found += failure.diagnostics
            continue
        if chosen:
            locked[variant.name] = Locked(variant_hash(variant.resolved.model), chosen)
        print(_summary(variant, chosen) if chosen else f"{variant.name}: no format is open")
    return found


def _write(place: Path, locked: "dict[str, Locked]", only_look: bool) -> bool:
    """Writes the lock where it changes, and takes one away that holds nothing."""
    from qdsl.replacing import replacing
    from qdsl.size.lock import lock_text

    before = place.read_text(encoding="utf-8") if place.exists() else None
    after = lock_text(locked) if locked else None
    if after == before:
        return False
    if only_look:
        print(f"{place} is out of date")
    elif after is None:
        place.unlink()
        print(f"removed {place}")
    else:
        with replacing(place) as file:
            file.write(after.encode())
        print(f"wrote {place}")
    return True


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
        "serves, so that the budget holds, the target's memory suffices and the noise of rounding "
        "is least; writes the choices to `FILE.lock.yaml`. The noise is that of a uniform "
        "quantizer: numel · 4^-bits of each weight, summed. The lock names the model it was made "
        "for: after an edit that matters, `check` says that it is stale."
    ),
    examples=(
        ("qdsl fit model.qspec", "every variant of the file"),
        ("qdsl fit --check model.qspec", "whether the lock is up to date, for CI"),
    ),
    statuses=((1, "no choice keeps a budget, or with `--check` the lock is out of date"),),
    see=("size", "check"),
)
