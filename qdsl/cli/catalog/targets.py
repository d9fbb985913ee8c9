"""Lists the device profiles that come with the compiler."""

from dataclasses import fields

from qdsl.cli.entry import Catalog, Entry, first_sentence, markdown_table, page
from qdsl.devices import load_profile, profile_names
from qdsl.size.quantity import bytes_text


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
            return bytes_text(value) + (" a second" if trait == "bandwidth" else "")
        case _:
            return str(value)


TARGETS = Catalog("device profiles", ("name", "backend", "memory", "doc"), profile_names, _entry)
