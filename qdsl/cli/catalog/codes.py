"""Lists diagnostic codes, and shows their manual pages."""

from qdsl.cli.entry import Catalog, Entry
from qdsl.diagnostic import codes


def _entry(code: str) -> Entry:
    text = codes.page(code)
    assert text
    severity = "warning" if code in codes.WARNINGS else "error"
    return Entry((code, severity, (codes.name(code) or "").replace("-", " ")), text.strip())


CODES = Catalog("diagnostic codes", ("code", "severity", "title"), codes.names, _entry)
