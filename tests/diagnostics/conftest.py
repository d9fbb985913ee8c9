"""Gives the tests all that is found in a file, budgets and kernels included."""

from collections.abc import Callable
from pathlib import Path

import pytest

from qdsl.cli.selection import open_spec
from qdsl.diagnostic.model import Diagnostic, QdslError
from qdsl.fit import fit
from qdsl.plan import unserved
from qdsl.spec import Variant, check_spec
from qdsl.target import CODES, INTEGER, Availability, Capability

Find = Callable[..., tuple[Diagnostic, ...]]


class Bare:
    """A back end whose kernels multiply int8 weights, and compute on integers."""

    name = "bare"

    def availability(self) -> Availability:
        return Availability(True)

    def capabilities(self) -> tuple[Capability, ...]:
        return (
            Capability("int8", "linear", "integer", (8,), ("f32", "int8_token")),
            Capability("codes", "integer_linear", "integer", (8,), (CODES,)),
            Capability("codes", INTEGER, "integer", (), (CODES,)),
        )


@pytest.fixture
def find() -> Find:
    """`find(path, variant, kernels=…, fits=…)`: what commands find in a spec.

    variant: what stands behind `path#`, for commands that need one. kernels: plan for a back end
    of this test, so that nothing depends on what is built. fits: choose open formats, instead of
    asking for the size that they leave open. entries: look for models that have none.
    """

    def found(
        path: Path,
        variant: str | None = None,
        *,
        kernels: bool = False,
        fits: bool = True,
        entries: bool = False,
    ) -> tuple[Diagnostic, ...]:
        spec = check_spec(path)
        variants = tuple(spec.variants.values()) if spec.compiled.ok else ()
        if variant is not None:
            try:
                _, variants = open_spec(f"{path}#{variant}")
            except QdslError as failure:
                return failure.diagnostics
        idle = (d for v in variants for d in v.findings()) if entries else ()
        return (*spec.diagnostics, *_of_variants(variants, kernels, fits), *idle)

    return found


def _of_variants(variants: tuple[Variant, ...], kernels: bool, fits: bool) -> list[Diagnostic]:
    found: list[Diagnostic] = []
    for variant in variants:
        if variant.open:
            found += _of_open(fit if fits else Variant.size, variant)
            continue
        found += [d for judged in variant.budgets() for d in judged.diagnostics]
        if variant.resolved.target:
            found += [d for d in variant.findings() if d.code in ("Q405", "Q511")]
        if kernels:
            found += unserved(variant.model, Bare())  # type: ignore[arg-type]
    return found


def _of_open(command: Callable[[Variant], object], variant: Variant) -> tuple[Diagnostic, ...]:
    try:
        command(variant)
    except QdslError as failure:
        return failure.diagnostics
    return ()
