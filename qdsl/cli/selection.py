"""Reads `file.qspec#variant` and `REV:file.qspec#variant` of a command line."""

from pathlib import Path

from qdsl.diagnostic.model import QdslError, error
from qdsl.diagnostic.suggest import suggestion
from qdsl.sema.files import Read
from qdsl.spec import Spec, Variant, check_spec
from qdsl.syntax import read


def split(text: str) -> tuple[str, str | None]:
    """The file and the variant's name: empty behind a `#` that nothing follows."""
    path, sign, name = text.partition("#")
    return path, name if sign else None


def open_spec(text: str) -> tuple[Spec, tuple[Variant, ...]]:
    """The spec and the variants named (all of them where none is); raises QdslError."""
    path, name = split(text)
    reader: Read = read
    if not Path(path).exists() and ":" in path:
        from qdsl.cli.revision import at_revision

        revision, _, path = path.partition(":")
        reader = at_revision(revision)
    spec = check_spec(path, reader)
    if not spec.compiled.ok:
        raise QdslError(spec.diagnostics)
    if not spec.variants:
        message = f"`{spec.path}` has no variant and no model"
        raise QdslError([error("Q317", message, help="add `variant name { model = … }`")])
    return spec, select(spec, name)


def select(spec: Spec, name: str | None) -> tuple[Variant, ...]:
    """The variant of that name, or all; raises QdslError when there is none."""
    if name is None:
        return tuple(spec.variants.values())
    if not name:
        message = f"`{spec.path}#` names no variant"
        help = f"leave `#` out for all of them, or name one: {_listed(spec)}"
        raise QdslError([error("Q316", message, help=help)])
    if name in spec.variants:
        return (spec.variants[name],)
    message = f"`{spec.path}` has no variant `{name}`"
    raise QdslError([error("Q316", message, help=suggestion(name, spec.variants))])


def open_variant(text: str) -> tuple[Spec, Variant]:
    """Exactly one variant; raises QdslError when the text leaves a choice."""
    spec, variants = open_spec(text)
    if len(variants) != 1:
        message = f"`{text}` has {len(variants)} variants"
        raise QdslError([error("Q316", message, help=f"name one: {_listed(spec)}")])
    return spec, variants[0]


def _listed(spec: Spec) -> str:
    return ", ".join(f"`{spec.path}#{name}`" for name in spec.variants)
