"""Lists the device profiles that come with the compiler."""

from dataclasses import fields
from fractions import Fraction

from qdsl.cli.entry import Catalog, Entry, first_sentence, markdown_table, page
from qdsl.devices import load_profile, profile_names
from qdsl.devices.profile import TRAITS
from qdsl.size.quantity import bytes_text, decimal

_TRAITS = {
    "backend": (
        "a name",
        "Whose kernels `check` plans for: `qdsl doctor` lists them.",
    ),
    "memory": ("bytes", "What a model may take; more is a Q405."),
    "bandwidth": ("bytes", "A second; `size` says how long it takes to read every weight once."),
    "instruction_sets": (
        "a list of words",
        "What its processors have; `backend` alone chooses kernels.",
    ),
    "formats": ("a list of formats", "What weights may be stored in, f32 always; else a Q511."),
    "activations": ("a list of formats", "What inputs of layers may be rounded to; else a Q511."),
    "sparsity": ("a list of patterns", '`["2:4"]`; without it every pattern, else a Q511.'),
}


def _entry(name: str) -> Entry:
    profile = load_profile(name)
    traits = {f.name: getattr(profile, f.name) for f in fields(profile)}
    shown = {k: _text(k, v) for k, v in traits.items() if k not in ("name", "doc") and v}
    rows = [(key.replace("_", " "), value) for key, value in shown.items()]
    table = markdown_table(("trait", "value"), rows)
    cells = (name, profile.backend or "", shown.get("memory", ""), first_sentence(profile.doc))
    return Entry(cells, page(f"# {name}", "A device profile.", profile.doc, table))


def _text(trait: str, value: object) -> str:
    match value:
        case tuple():
            return ", ".join(map(str, value))
        case int():
            if trait == "bandwidth":
                return f"{decimal(Fraction(value, 10**9), 1)} GB a second"
            return bytes_text(value)
        case _:
            return str(value)


def _intro() -> str:
    return page(
        "`target = phone` in a variant says what it is for. An item of the file goes on from a "
        "profile, or stands alone: `target watch extends microcontroller { memory = 1 MiB }`. What "
        "a profile does not say is not judged.",
        markdown_table(("trait", "value", ""), ((f"`{t}`", *_TRAITS.get(t, ())) for t in TRAITS)),
    )


TARGETS = Catalog(
    "device profiles", ("name", "backend", "memory", "doc"), profile_names, _entry, intro=_intro
)
