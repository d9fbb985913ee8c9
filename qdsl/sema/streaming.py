"""Reports activations with one scale per example in an entry that runs piece by piece."""

from collections.abc import Mapping

from qdsl.diagnostic.model import error
from qdsl.ir.flat import flatten
from qdsl.ir.format import ActivationFormat, Activations, PerTensor
from qdsl.ir.model import Entry
from qdsl.sema.context import Context
from qdsl.sema.policy import Claims


def check_streaming(
    entries: tuple[Entry, ...],
    formats: Mapping[str, Activations],
    claims: Claims,
    context: Context,
) -> None:
    """Q320 for `per = tensor` of a layer in an entry with state.

    The scale of a whole sequence is not that of its pieces: streaming would give other numbers.
    """
    wide = {path for path, f in formats.items() if f == ActivationFormat(PerTensor())}
    for entry in entries if wide else ():
        if not any(i.zeros for i in entry.inputs):
            continue
        for path in sorted(wide & {flat.path for flat in flatten(entry).nodes}):
            claim = claims.winner("activations", path)
            if claim is None:
                continue
            message = f"`{path}` has one activation scale per example in the entry `{entry.name}`"
            help = "an entry with state runs piece by piece: write `per = token`"
            span = claim.property.value.span
            context.report(error("Q320", message, span, "of the whole sequence", help=help))
